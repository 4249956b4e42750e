import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheDirectory } from '../../client/cli/shared/running-start.ts';
import { identify, isAlive } from './processes.ts';
import type { Report, Step } from './report.ts';

export function findCached(name: string): string | undefined {
  const entry = path.join(cacheDirectory(), name);
  return existsSync(entry) ? entry : undefined;
}

const underWay = new Map<string, Promise<string>>();

/** A whole entry of the cache, installed first if it is not there: by one of several processes, and the others wait. */
export function installed(name: string, install: (directory: string) => Promise<void>, report: Report) {
  const entry = path.join(cacheDirectory(), name);
  const ours =
    underWay.get(entry) ?? installOnce(entry, install, report).finally(() => underWay.delete(entry));
  underWay.set(entry, ours);
  return ours;
}

export async function remove(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function installOnce(entry: string, install: (directory: string) => Promise<void>, report: Report) {
  if (existsSync(entry)) return entry;
  const temporary = await claim(entry, report);
  try {
    // Another process may have been faster.
    if (existsSync(entry)) return entry;
    await install(temporary);
    await rename(temporary, entry);
    return entry;
  } finally {
    await remove(temporary);
  }
}

/** Stands between an entry and who installs it, in a temporary directory's name: so what the dead have left is known. */
const INSTALLING = '.installing-';

/** Makes the temporary directory of the one process that may install; the others wait for it to end. */
async function claim(entry: string, report: Report): Promise<string> {
  const self = identify(process.pid);
  const temporary = `${entry}${INSTALLING}${self?.pid}-${self?.started}`;
  let waiting: Step | undefined;
  for (;;) {
    const installing = await othersInstalling(temporary);
    if (installing === undefined) {
      await mkdir(temporary, { recursive: true });
      // Each claims before it looks: of two at once, one sees the other for certain.
      if ((await othersInstalling(temporary)) === undefined) break;
      await remove(temporary);
    } else {
      const name = path.basename(entry);
      waiting ??= report.step(`Waiting for process ${installing}, which is installing ${name}`);
    }
    await delay(100 + Math.random() * 100);
  }
  waiting?.done(`Waited for the other process to install ${path.basename(entry)}`);
  return temporary;
}

/** Returns the pid of another process that installs the same entry; removes what dead ones have left. */
async function othersInstalling(temporary: string): Promise<number | undefined> {
  const [directory, own] = [path.dirname(temporary), path.basename(temporary)];
  const prefix = own.slice(0, own.indexOf(INSTALLING) + INSTALLING.length);
  const names = await readdir(directory).catch((): string[] => []);
  for (const name of names.filter((name) => name.startsWith(prefix) && name !== own)) {
    const [pid, ...started] = name.slice(prefix.length).split('-');
    if (isAlive({ pid: Number(pid), started: started.join('-') })) return Number(pid);
    await remove(path.join(directory, name));
  }
  return undefined;
}
