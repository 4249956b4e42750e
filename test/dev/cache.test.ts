import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { exists, installed, withLock } from '../../tools/servers/cache.ts';
import { identify } from '../../tools/servers/processes.ts';
import { silentReport } from '../../tools/servers/report.ts';
import { keepingReport, kill, removeDirectory, temporaryDirectory } from './support.ts';

let cache: string;

beforeEach(async () => {
  cache = await temporaryDirectory();
  vi.stubEnv('CONCORD_CACHE', cache);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await removeDirectory(cache);
});

describe('an install', () => {
  it('happens once when several ask for it at once', async () => {
    let installs = 0;
    const install = async (directory: string) => {
      installs += 1;
      await writeFile(path.join(directory, 'program'), 'whole');
    };
    const ask = () => installed('thing', install, silentReport);
    const entries = await Promise.all([ask(), ask(), ask(), ask()]);
    expect(new Set(entries)).toEqual(new Set([path.join(cache, 'thing')]));
    expect(installs).toBe(1);
  });

  it('that fails leaves nothing, and the next one starts afresh', async () => {
    const failing = installed(
      'thing',
      async (directory) => {
        await writeFile(path.join(directory, 'half'), '');
        throw new Error('no space');
      },
      silentReport,
    );
    await expect(failing).rejects.toThrow('no space');
    expect((await readdir(cache)).filter((name) => name !== 'locks')).toEqual([]);
    const entry = await installed('thing', async () => {}, silentReport);
    expect(await readdir(entry)).toEqual([]);
  });

  it('that died half way is begun anew', async () => {
    await mkdir(path.join(cache, 'thing.installing'));
    await writeFile(path.join(cache, 'thing.installing', 'half'), '');
    const entry = await installed(
      'thing',
      (directory) => writeFile(path.join(directory, 'whole'), ''),
      silentReport,
    );
    expect(await readdir(entry)).toEqual(['whole']);
  });
});

describe('a lock', () => {
  it('of another process is waited for, saying so, and taken over when that process is killed', async () => {
    const holder = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('holder.ts', import.meta.url)), 'thing'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(holder.stdout, 'data');

    const { report, lines } = keepingReport();
    let ours = false;
    const work = withLock('thing', report, async () => {
      ours = true;
    });
    await expect
      .poll(() => lines)
      .toEqual([`Waiting for process ${holder.pid}, which is installing thing …`]);
    expect(ours).toBe(false);

    await kill(holder);
    await work;
    expect(ours).toBe(true);
    expect(await exists(path.join(cache, 'locks', 'thing.lock'))).toBe(false);
  });

  it('of a process whose pid another one has now is taken over', async () => {
    const self = await identify(process.pid);
    await mkdir(path.join(cache, 'locks'));
    await writeFile(path.join(cache, 'locks', 'thing.lock'), JSON.stringify({ ...self, started: 'earlier' }));
    expect(await withLock('thing', silentReport, async () => 'done')).toBe('done');
  });

  it('left by the dead is taken over by one at a time', async () => {
    await mkdir(path.join(cache, 'locks'));
    await writeFile(
      path.join(cache, 'locks', 'thing.lock'),
      JSON.stringify({ pid: process.pid, started: 'earlier' }),
    );
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await readdir(cache);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => withLock('thing', silentReport, work)));
    expect(most).toBe(1);
  });
});
