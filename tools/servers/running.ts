import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { cacheDirectory, remove } from './cache.ts';
import { end, identify, isAlive, isForeign, isGoneWithin, processIdentitySchema } from './processes.ts';
import type { Report } from './report.ts';

/** Every throw-away directory's name begins with this; nothing else is ever removed on the word of a record. */
export const THROW_AWAY_PREFIX = 'concord-';

const runningRecordSchema = z.object({
  /** What started the servers: `npm start`, or a test. */
  role: z.enum(['start', 'test']),
  /** Whether every server answers. */
  ready: z.boolean(),
  /** When the start began, ISO 8601. */
  startedAt: z.string(),
  /** The process that owns the servers. */
  owner: processIdentitySchema,
  /** The process that ends the servers when the owner is gone. */
  guard: processIdentitySchema.optional(),
  /** The server processes, in order of start. */
  children: z.array(processIdentitySchema.extend({ name: z.string(), stopSignal: z.string() })),
  /** The project directory that the owner was started in. */
  checkout: z.string(),
  /** Where the servers keep their data, when that outlives them. */
  dataDirectory: z.string().optional(),
  /** Removed when the servers end. */
  throwAwayDirectories: z.array(z.string()),
  temporal: z
    .object({ address: z.string(), namespace: z.string(), uiUrl: z.string().optional(), origin: z.string() })
    .optional(),
  mongodb: z.object({ uri: z.string(), origin: z.string() }).optional(),
});

/** One start of the servers, as other processes can read it: `<cache>/running/<pid of the owner>-<n>.json`. */
export type RunningRecord = z.infer<typeof runningRecordSchema>;

/** A record on disk that is kept up to date. */
export type KeptRecord = {
  readonly record: Readonly<RunningRecord>;
  /** Changes some fields, on disk too. */
  update(changes: Partial<RunningRecord>): Promise<void>;
  /** Removes the record. */
  remove(): Promise<void>;
};

/** The starts whose owner lives, the newest first. Take one with `role: 'start'` and `ready` to talk to. */
export async function livingServers(): Promise<RunningRecord[]> {
  const living: RunningRecord[] = [];
  for (const { record } of await readAll()) if (await isAlive(record.owner)) living.push(record);
  return living.sort((one, other) => other.startedAt.localeCompare(one.startedAt));
}

/** Ends what dead owners and their dead guards left: server processes, throw-away directories, records. */
export async function cleanUpAfterTheDead(report: Report): Promise<void> {
  for (const { file, record } of await readAll()) {
    if ((await isAlive(record.owner)) || (await isForeign(record.owner))) continue;
    // A living guard is at it already, and knows better; a new server must not meet the old one on the same data.
    if (record.guard) await isGoneWithin(record.guard, 20_000);
    let ended = 0;
    for (const { name: _, stopSignal, ...identity } of [...record.children].reverse()) {
      if (await end(identity, stopSignal as NodeJS.Signals)) ended += 1;
    }
    for (const directory of record.throwAwayDirectories.filter(isThrowAway)) await remove(directory);
    await rm(file, { force: true });
    if (ended > 0)
      report.note(`Ended ${ended} server processes that an earlier run (${record.owner.pid}) left behind.`);
  }
}

let starts = 0;

/** Writes the record of a start by this process. */
export async function keepRecord(
  fields: Pick<RunningRecord, 'role' | 'dataDirectory' | 'throwAwayDirectories' | 'guard'>,
): Promise<KeptRecord> {
  const owner = await identify(process.pid);
  if (owner === undefined) throw new Error('this process does not find itself');
  starts += 1;
  const file = path.join(runningDirectory(), `${process.pid}-${starts}.json`);
  let record: RunningRecord = {
    ready: false,
    startedAt: new Date().toISOString(),
    owner,
    children: [],
    checkout: process.cwd(),
    ...fields,
  };
  // One write after another: two at once could leave the older one.
  let writing = write(file, record);
  await writing;
  return {
    get record() {
      return record;
    },
    async update(changes) {
      record = { ...record, ...changes };
      writing = writing.then(() => write(file, record));
      await writing;
    },
    async remove() {
      await writing;
      await rm(file, { force: true });
    },
  };
}

function runningDirectory(): string {
  return path.join(cacheDirectory(), 'running');
}

function isThrowAway(directory: string): boolean {
  return path.isAbsolute(directory) && path.basename(directory).startsWith(THROW_AWAY_PREFIX);
}

async function readAll(): Promise<{ file: string; record: RunningRecord }[]> {
  const names = await readdir(runningDirectory()).catch((): string[] => []);
  const records: { file: string; record: RunningRecord }[] = [];
  for (const name of names.filter((name) => name.endsWith('.json'))) {
    const file = path.join(runningDirectory(), name);
    try {
      records.push({ file, record: runningRecordSchema.parse(JSON.parse(await readFile(file, 'utf8'))) });
    } catch {
      // Removed in the meantime, or written by another version: not ours to judge.
    }
  }
  return records;
}

async function write(file: string, record: RunningRecord): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  // It may hold a connection string with a password.
  await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, file);
}
