import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { oneLine, shorten, UnavailableError } from './attempts.ts';
import { cacheDirectory, exists, remove } from './cache.ts';
import type { Report } from './report.ts';

/** The full path of a program on PATH, or undefined. */
export async function onPath(program: string): Promise<string | undefined> {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  for (const directory of (process.env.PATH ?? '').split(path.delimiter).filter(path.isAbsolute)) {
    for (const suffix of suffixes) {
      const candidate = path.join(directory, program + suffix);
      if (await isExecutable(candidate)) return candidate;
    }
  }
  return undefined;
}

/** The full path of a program on PATH. @throws {UnavailableError} when there is none */
export async function needOnPath(program: string, next: string): Promise<string> {
  const found = await onPath(program);
  if (found === undefined) throw new UnavailableError(`there is no ${program} on PATH`, next);
  return found;
}

/** Name of a program's file on this platform. */
export function executableName(program: string): string {
  return process.platform === 'win32' ? `${program}.exe` : program;
}

/**
 * Runs a program to its end, bounded in time. Its output is shown only when it fails.
 * @throws {UnavailableError} naming `next` when it fails or takes longer than `timeoutMs` milliseconds
 */
export async function run(
  command: string,
  args: readonly string[],
  options: { directory: string; timeoutMs: number; next: string; environment?: Record<string, string> },
): Promise<string> {
  const result = await execa(command, args, {
    cwd: options.directory,
    timeout: options.timeoutMs,
    env: { ...(options.environment ?? {}) },
    stdin: 'ignore',
    reject: false,
  });
  if (!result.failed) return result.stdout;
  const program = path.basename(command);
  const reason = result.timedOut
    ? `took longer than ${options.timeoutMs / 1000} s`
    : lastLine(result.stderr || result.stdout || result.shortMessage || '');
  throw new UnavailableError(`${program} ${args[0] ?? ''} failed: ${reason}`, options.next);
}

/**
 * Builds a Go program into `directory` with the user's own Go settings. Whoever has Go's caches already has them used;
 * nobody else is left with gigabytes of them.
 * @throws {UnavailableError} when there is no Go, or the build fails
 */
export async function goInstall(module: string, directory: string, next: string): Promise<void> {
  const go = await needOnPath('go', next);
  // Go derives its caches from HOME, which a service's environment may lack.
  const environment = { GOBIN: directory, HOME: process.env.HOME || homedir(), GOOS: '', GOARCH: '' };
  const { stdout: moduleCache } = await execa(go, ['env', 'GOMODCACHE'], { env: environment, reject: false });
  const throwAway = (await exists(moduleCache)) ? undefined : path.join(directory, 'go-caches');
  const caches = throwAway && {
    GOMODCACHE: path.join(throwAway, 'modules'),
    GOCACHE: path.join(throwAway, 'build'),
  };
  try {
    await run(go, ['install', '-modcacherw', '-ldflags=-s -w', module], {
      directory,
      timeoutMs: 20 * 60_000,
      next,
      environment: { ...environment, ...caches },
    });
  } finally {
    if (throwAway !== undefined) await remove(throwAway);
  }
}

/**
 * Lets a library download a server into `directory`, in a process of its own so that it can be given up:
 * as soon as no byte has arrived for `stallMs` milliseconds. Resolves to the program's path.
 * @throws {UnavailableError} when the download fails or stalls
 */
export async function download(
  what: 'temporal' | 'test-server' | 'mongod',
  directory: string,
  next: string,
  stallMs = 15_000,
): Promise<string> {
  const script = fileURLToPath(new URL('download.mjs', import.meta.url));
  const child = execa(process.execPath, [script, what, directory], {
    env: { NODE_OPTIONS: '' },
    stdin: 'ignore',
    reject: false,
  });
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
  return result.stdout.trim();
}

/** Says in one line what a cached program's origin is. */
export function fromCache(program: string, how: string): string {
  return `${program}, ${how} (in ${cacheDirectory()})`;
}

/** Runs a step of which the report tells how it ended. */
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

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

async function sizeOf(directory: string): Promise<number> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const sizes = entries.map(async (entry) => (await stat(path.join(entry.parentPath, entry.name))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  } catch {
    // A file was renamed while we looked: that counts as a change.
    return -1;
  }
}

function lastLine(text: string): string {
  return shorten(text.trim().split('\n').at(-1) ?? '');
}
