import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

// A running `npm start` keeps a record of itself in the cache; so the command line finds it.

export const startSchema = z.object({
  /** What started the servers: `npm start`, or something that users don't talk to. */
  role: z.enum(['start', 'test']),
  ready: z.boolean(),
  startedAt: z.string(),
  /** The process that owns the servers, told apart from a later one with the same pid by when it started. */
  owner: z.object({ pid: z.int().positive(), started: z.string() }),
  temporal: z
    .object({ address: z.string(), namespace: z.string(), uiUrl: z.string().optional(), origin: z.string() })
    .optional(),
});
export type RunningTemporal = NonNullable<z.output<typeof startSchema>['temporal']>;

/** Returns the servers of running `npm start`s, the newest first. */
export function runningTemporals(): RunningTemporal[] {
  return recordFiles()
    .flatMap((file) => readRecord(file, startSchema) ?? [])
    .filter(({ role, ready, owner }) => role === 'start' && ready && isAlive(owner))
    .sort((one, other) => other.startedAt.localeCompare(one.startedAt))
    .flatMap(({ temporal }) => temporal ?? []);
}

export function recordFiles(): string[] {
  try {
    const names = readdirSync(runningDirectory()).filter((name) => name.endsWith('.json'));
    return names.map((name) => path.join(runningDirectory(), name));
  } catch {
    return []; // nothing has been started yet
  }
}

/** Returns undefined if it was removed in the meantime, or written by another version. */
export function readRecord<Start>(file: string, schema: z.ZodType<Start>): Start | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

export const runningDirectory = () => path.join(cacheDirectory(), 'running');

/** Where downloads, builds and records are kept: CONCORD_CACHE, else the platform's cache. Read at each call. */
export function cacheDirectory(): string {
  const { CONCORD_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (CONCORD_CACHE) return path.resolve(CONCORD_CACHE);
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Caches', 'concord');
  if (process.platform === 'win32' && LOCALAPPDATA) return path.join(LOCALAPPDATA, 'concord', 'cache');
  return path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'concord');
}

/** Enough to choose a server by; what ends processes has to know more exactly (`tools/servers`). */
function isAlive({ pid, started }: { pid: number; started: string }): boolean {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0);
    const { 0: state = '', 19: since } = statOnLinux(pid);
    return since === started && !/[ZX]/.test(state);
  } catch {
    return false;
  }
}

/** Returns the fields of /proc of a process, from its state on: small containers have no ps. @throws if there is none */
export function statOnLinux(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name, in parentheses, may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
