import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** Text that was made from files. */
export interface Made {
  readonly text: string;
  /** Every path that was looked at to make it, also those where nothing was. */
  readonly paths: readonly string[];
}

/**
 * The text that an earlier `make` has made, kept in `file`, where every path that it had looked at is as it was then;
 * else what `make` makes now.
 *
 * @param circumstances Whatever else the text depends on.
 */
export async function remembered(
  file: string,
  circumstances: readonly string[],
  make: () => Promise<Made>,
): Promise<string> {
  const kept = await read(file);
  if (kept !== undefined && (await isCurrent(kept, circumstances))) return kept.text;
  const began = await mark(file);
  try {
    const { text, paths } = await make();
    const found = await Promise.all(paths.map(async (each) => [each, await lookAt(each)] as const));
    const fingerprints = Object.fromEntries(found.map(([each, { fingerprint }]) => [each, fingerprint]));
    // What changed meanwhile may not be in the text: then it is made again the next time.
    const isTorn = found.some(([, { changedAt }]) => changedAt >= began);
    if (!isTorn) await write(file, { circumstances, fingerprints, text });
    return text;
  } finally {
    await rm(temporary(file), { force: true });
  }
}

const keptSchema = z.object({
  circumstances: z.array(z.string()).readonly(),
  /** What was at each path; null where nothing was. */
  fingerprints: z.record(z.string(), z.string().nullable()),
  text: z.string(),
});
type Kept = z.output<typeof keptSchema>;

async function read(file: string): Promise<Kept | undefined> {
  try {
    return keptSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    // Not there, or written by another version: it is made anew.
    return undefined;
  }
}

async function isCurrent(kept: Kept, circumstances: readonly string[]): Promise<boolean> {
  if (JSON.stringify(kept.circumstances) !== JSON.stringify(circumstances)) return false;
  const checks = Object.entries(kept.fingerprints).map(
    async ([each, fingerprint]) => (await lookAt(each)).fingerprint === fingerprint,
  );
  return (await Promise.all(checks)).every(Boolean);
}

/** What is at a path, by its content, and when it was last changed there, in milliseconds since 1970. */
async function lookAt(file: string): Promise<{ fingerprint: string | null; changedAt: number }> {
  try {
    const [content, { ctimeMs }] = await Promise.all([readFile(file), stat(file)]);
    return { fingerprint: createHash('sha256').update(content).digest('hex'), changedAt: ctimeMs };
  } catch {
    return { fingerprint: null, changedAt: 0 };
  }
}

/** Now, by the clock of the file system, which runs behind the process's own. */
async function mark(file: string): Promise<number> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(temporary(file), '');
  return (await stat(temporary(file))).ctimeMs;
}

/** At once, so that nobody ever reads half of it. */
async function write(file: string, kept: Kept): Promise<void> {
  await writeFile(temporary(file), JSON.stringify(kept));
  await rename(temporary(file), file);
}

function temporary(file: string): string {
  return `${file}.${process.pid}.tmp`;
}
