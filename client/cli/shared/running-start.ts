import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

// What a running `npm start` notes of itself, so that the command line finds it.

/** A process, told apart from any later one with the same pid by when it started. */
export const processSchema = z.object({ pid: z.int().positive(), started: z.string() });
export type ProcessIdentity = z.output<typeof processSchema>;

export const startSchema = z.object({
  /** What started the servers: `npm start`, or something that users are not to talk to. */
  role: z.enum(['start', 'test']),
  /** Whether every server answers. */
  ready: z.boolean(),
  /** When the start began, ISO 8601. */
  startedAt: z.string(),
  /** The process that owns the servers. */
  owner: processSchema,
  temporal: z
    .object({ address: z.string(), namespace: z.string(), uiUrl: z.string().optional(), origin: z.string() })
    .optional(),
});
export type RunningStart = z.output<typeof startSchema>;
export type RunningTemporal = NonNullable<RunningStart['temporal']>;

/** The servers of running `npm start`s, the newest first. */
export function runningTemporals(): RunningTemporal[] {
  return readStarts(startSchema).flatMap(({ start: { role, ready, owner, temporal } }) =>
    role === 'start' && ready && temporal !== undefined && isAlive(owner) ? [temporal] : [],
  );
}

/** Every start that is noted, the newest first; also those whose owner is gone. */
export function readStarts<Start extends RunningStart>(
  schema: z.ZodType<Start>,
): { file: string; start: Start }[] {
  return filesIn(runningDirectory())
    .flatMap((file) => {
      const start = readStart(file, schema);
      return start === undefined ? [] : [{ file, start }];
    })
    .sort((one, other) => other.start.startedAt.localeCompare(one.start.startedAt));
}

export function readStart<Start>(file: string, schema: z.ZodType<Start>): Start | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Removed in the meantime, or written by another version: not ours to judge.
    return undefined;
  }
}

function filesIn(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
    return names.map((name) => path.join(directory, name));
  } catch {
    return [];
  }
}

export function runningDirectory(): string {
  return path.join(cacheDirectory(), 'running');
}

/** Where downloads, builds and notes are kept: CONCORD_CACHE, else the platform's cache. Read at each call. */
export function cacheDirectory(): string {
  const { CONCORD_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (CONCORD_CACHE) return path.resolve(CONCORD_CACHE);
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Caches', 'concord');
  if (process.platform === 'win32' && LOCALAPPDATA) return path.join(LOCALAPPDATA, 'concord', 'cache');
  return path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'concord');
}

/** Whether that very process still lives: same pid and same start. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return identify(pid)?.started === started;
}

/** The identity of a living process; undefined when there is none (a zombie is none). */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const [state = '', started = ''] = stateAndStart(pid);
    return started === '' || /^[ZX]/.test(state) ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

function stateAndStart(pid: number): (string | undefined)[] {
  if (process.platform === 'linux') {
    const fields = statOnLinux(pid);
    return [fields[0], fields[19]];
  }
  if (process.platform === 'win32') return process.kill(pid, 0) ? ['', 'unknown'] : [];
  const environment = { ...process.env, LC_ALL: 'C' };
  const options = { env: environment, encoding: 'utf8', stdio: 'pipe' } as const;
  const [state, ...started] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], options)
    .trim()
    .split(/\s+/);
  return [state, started.join('-').replaceAll(':', '-')];
}

/** What /proc says of a process, from its state on: small containers have no ps. @throws where there is none */
export function statOnLinux(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name, in parentheses, may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
