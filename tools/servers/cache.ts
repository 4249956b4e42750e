import { randomUUID } from 'node:crypto';
import { access, link, mkdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity, processIdentitySchema } from './processes.ts';
import type { Report, Step } from './report.ts';

/** Where downloads and installs are kept: CONCORD_CACHE, else the platform's cache directory. Read at each call. */
export function cacheDirectory(): string {
  const { CONCORD_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (CONCORD_CACHE) return path.resolve(CONCORD_CACHE);
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Caches', 'concord');
  if (process.platform === 'win32' && LOCALAPPDATA) return path.join(LOCALAPPDATA, 'concord', 'cache');
  return path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'concord');
}

/** The path of a finished entry of the cache, or undefined when there is none. */
export async function findCached(name: string): Promise<string | undefined> {
  const entry = path.join(cacheDirectory(), name);
  return (await exists(entry)) ? entry : undefined;
}

/**
 * The entry `name` of the cache, installed first when it is not there.
 * `install` fills an empty temporary directory, which becomes the entry only when it succeeds: a half one is never seen.
 * Of several processes one installs and the others wait, saying so.
 */
export async function installed(
  name: string,
  install: (directory: string) => Promise<void>,
  report: Report,
): Promise<string> {
  const found = await findCached(name);
  if (found !== undefined) return found;
  return withLock(name, report, async () => {
    const entry = path.join(cacheDirectory(), name);
    if (await exists(entry)) return entry;
    // The lock is ours, so whatever stands here was left by an install that died.
    const temporary = `${entry}.installing`;
    await remove(temporary);
    await mkdir(temporary, { recursive: true });
    try {
      await install(temporary);
      await rename(temporary, entry);
    } catch (error) {
      await remove(temporary);
      throw error;
    }
    return entry;
  });
}

/** Runs `work` while no other process runs one under the same name. The lock of a dead process is taken over. */
export async function withLock<T>(name: string, report: Report, work: () => Promise<T>): Promise<T> {
  const locks = path.join(cacheDirectory(), 'locks');
  await mkdir(locks, { recursive: true });
  const lock = path.join(locks, `${name}.lock`);
  await acquire(lock, name, report);
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/** Removes a file or a tree; what is not there is fine. */
export async function remove(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

export async function exists(target: string): Promise<boolean> {
  return access(target).then(
    () => true,
    () => false,
  );
}

async function acquire(lock: string, name: string, report: Report): Promise<void> {
  const claim = `${lock}.${process.pid}.${randomUUID()}`;
  let waiting: Step | undefined;
  await writeFile(claim, JSON.stringify(await identify(process.pid)), { mode: 0o600 });
  try {
    // A hard link appears at once with its content, so nobody ever reads half a lock.
    while (!(await tryLink(claim, lock))) {
      const holder = await readHolder(lock);
      if (holder === undefined || !(await isAlive(holder))) {
        await takeOver(lock);
        continue;
      }
      waiting ??= report.step(`Waiting for process ${holder.pid}, which is installing ${name}`);
      await delay(100);
    }
  } finally {
    await unlink(claim);
    waiting?.done(`Waited for the other process to install ${name}`);
  }
}

/** Removes a dead process's lock; only one process at a time may judge it, or a second would remove its successor's. */
async function takeOver(lock: string): Promise<void> {
  const judging = `${lock}.judging`;
  try {
    await mkdir(judging);
  } catch {
    const age = await stat(judging).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > 10_000) await remove(judging);
    await delay(20);
    return;
  }
  try {
    const holder = await readHolder(lock);
    if (holder === undefined || !(await isAlive(holder))) await rm(lock, { force: true });
  } finally {
    await remove(judging);
  }
}

async function tryLink(claim: string, lock: string): Promise<boolean> {
  try {
    await link(claim, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(lock: string): Promise<ProcessIdentity | undefined> {
  try {
    return processIdentitySchema.parse(JSON.parse(await readFile(lock, 'utf8')));
  } catch {
    return undefined;
  }
}
