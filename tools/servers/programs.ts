import { constants, existsSync } from 'node:fs';
import { access, readdir, rename, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cacheDirectory } from '../../client/cli/shared/running-start.ts';
import { oneLine, UnavailableError, UnfitProgramError, type Way } from './attempts.ts';
import { findCached, installed, remove } from './cache.ts';
import type { Report } from './report.ts';

export interface Program {
  readonly command: string;
  /** Where it comes from, for people. */
  readonly origin: string;
}

export interface Install {
  /** The way it comes there, and what that is called once an earlier run has taken it. */
  readonly way: string;
  readonly earlier: string;
  readonly entry: string;
  /** Its origin for people: "downloaded". */
  readonly how: string;
  readonly message: string;
  /** Puts the program, by its file's name, into a directory. */
  into(directory: string): Promise<void>;
}

/** The ways to a program through the cache: those that earlier runs have taken, and those that install it. */
export function cachedWays(program: string, installs: readonly Install[], report: Report) {
  const get = async (install: Install): Promise<Program> => ({
    command: path.join(await installedBy(install, report), executableName(program)),
    origin: fromCache(program, install.how),
  });
  const earlier = installs.map((install) => ({
    way: install.earlier,
    isThere: async () => findCached(install.entry) !== undefined,
    get: () => get(install),
  }));
  const fresh = installs.map((install) => ({ way: install.way, get: () => get(install) }));
  return { earlier, fresh };
}

type Downloaded = 'temporal' | 'time-skipping-server' | 'mongod';

export function byDownload(program: Downloaded, entry: string, message: string, host: string): Install {
  const into = (directory: string) => download(program, directory, `allow downloads from ${host}`);
  return { way: 'download', earlier: 'an earlier download', how: 'downloaded', entry, message, into };
}

export function installedBy(install: Pick<Install, 'entry' | 'message' | 'into'>, report: Report) {
  const { entry, message, into } = install;
  return installed(entry, (directory) => step(report, message, () => into(directory)), report);
}

export const fromCache = (program: string, how: string) => `${program}, ${how} (in ${cacheDirectory()})`;

export async function step<T>(report: Report, message: string, work: () => Promise<T>): Promise<T> {
  const running = report.step(message);
  try {
    const result = await work();
    running.done();
    return result;
  } catch (error) {
    running.failed(oneLine(error));
    throw error;
  }
}

export function programOnPath(program: string): Way<Program> {
  return {
    way: `\`${program}\` on PATH`,
    isThere: async () => (await onPath(program)) !== undefined,
    async get() {
      const command = (await onPath(program)) ?? program;
      return { command, origin: `${program} on PATH (${command})` };
    },
  };
}

/** Runs a program just to see whether it can, and returns what it printed. @throws {UnfitProgramError} */
export async function tryOut(command: string, args: readonly string[] = ['--version']): Promise<string> {
  const options = { timeout: TRY_LIMIT, stdin: 'ignore', reject: false, all: true } as const;
  const result = await execa(command, args, options);
  if (!result.failed) return result.all;
  const { timedOut, signal, signalDescription, exitCode, originalMessage = '' } = result;
  const ended = signal === undefined ? `exit code ${exitCode}` : `${signal}: ${signalDescription}`;
  const said = lastLine(result.all);
  const how = timedOut
    ? `didn't end within ${TRY_LIMIT / 1000} s`
    : signal === undefined && exitCode === undefined
      ? `could not be started (${lastLine(originalMessage)})`
      : `ended by ${ended}${said === '' ? '' : ` (${said})`}`;
  throw new UnfitProgramError(`\`${[command, ...args].join(' ')}\` ${how}`, 'replace it, or remove it');
}

// Milliseconds.
const TRY_LIMIT = 30_000;

export async function onPath(program: string): Promise<string | undefined> {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  for (const directory of (process.env.PATH ?? '').split(path.delimiter).filter(path.isAbsolute)) {
    const candidates = suffixes.map((suffix) => path.join(directory, program + suffix));
    for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

export const executableName = (name: string) => (process.platform === 'win32' ? `${name}.exe` : name);

interface RunOptions {
  readonly directory: string;
  readonly timeout: number;
  readonly next: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end, in so many milliseconds at most. @throws {UnavailableError} that says why, and `next` */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { directory: cwd, timeout, next, env = {} } = options;
  const result = await execa(command, args, { cwd, timeout, env, stdin: 'ignore', reject: false });
  if (!result.failed) return result.stdout;
  const program = path.basename(command);
  if (result.code === 'ENOENT') throw new UnavailableError(`there is no ${program} on PATH`, next);
  const reason = result.timedOut
    ? `took longer than ${timeout / 1000} s`
    : lastLine(result.stderr || result.stdout || result.shortMessage || '');
  throw new UnavailableError(`${program} ${args[0] ?? ''} failed: ${reason}`, next);
}

/** Uses Go's caches if there are some; otherwise it leaves none: they would be gigabytes. @throws {UnavailableError} */
export async function goInstall(module: string, directory: string, next: string): Promise<void> {
  // Go derives its caches from HOME, which a service's environment may lack.
  const environment = { GOBIN: directory, HOME: process.env.HOME || homedir(), GOOS: '', GOARCH: '' };
  const go = (args: string[], env: Record<string, string> = {}) =>
    run('go', args, { directory, timeout: 20 * 60_000, next, env: { ...environment, ...env } });
  const throwAway = path.join(directory, 'go-caches');
  const hasCaches = existsSync(await go(['env', 'GOMODCACHE']).catch(() => ''));
  const caches = { GOMODCACHE: path.join(throwAway, 'modules'), GOCACHE: path.join(throwAway, 'build') };
  try {
    await go(['install', '-modcacherw', '-ldflags=-s -w', module], hasCaches ? {} : caches);
  } finally {
    await remove(throwAway);
  }
}

/** In a process of its own, which is killed when no byte has arrived for so long. @throws {UnavailableError} */
export async function download(program: Downloaded, directory: string, next: string, stallMs = 15_000) {
  const script = fileURLToPath(new URL('download.mjs', import.meta.url));
  const options = { env: { NODE_OPTIONS: '' }, stdin: 'ignore', reject: false } as const;
  const child = execa(process.execPath, [script, program, directory], options);
  let size = 0;
  let changed = Date.now();
  let stalled = false;
  const watch = setInterval(async () => {
    const now = await sizeOf(directory);
    if (now !== size) changed = Date.now();
    size = now;
    if (Date.now() - changed < stallMs) return;
    stalled = true;
    child.kill('SIGKILL');
  }, 500);
  const result = await child;
  clearInterval(watch);
  if (stalled) throw new UnavailableError(`nothing arrived for ${stallMs / 1000} s`, next);
  if (result.failed) throw new UnavailableError(lastLine(result.stderr || result.shortMessage || ''), next);
  await rename(result.stdout.trim(), path.join(directory, executableName(program)));
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** Returns -1 if a file was renamed while we looked: that counts as a change. */
async function sizeOf(directory: string): Promise<number> {
  try {
    const names = await readdir(directory, { recursive: true });
    const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(directory, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    return -1;
  }
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line.length <= 160 ? line : `${line.slice(0, 160).trim()} …`;
}
