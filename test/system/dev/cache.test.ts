import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { installed } from '../../../tools/servers/cache.ts';
import { silentReport } from '../../../tools/servers/report.ts';
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

  it.each([
    ['process that died', 'thing.installing-4194305-1'],
    ['process whose pid another one has now', `thing.installing-${process.pid}-1`],
  ])('that a %s left half way is begun anew', async (_, left) => {
    await mkdir(path.join(cache, left));
    await writeFile(path.join(cache, left, 'half'), '');
    const entry = await installed(
      'thing',
      (directory) => writeFile(path.join(directory, 'whole'), ''),
      silentReport,
    );
    expect(await readdir(entry)).toEqual(['whole']);
    expect(await readdir(cache)).toEqual(['thing']);
  });

  it('of another process is waited for, saying so, and taken over when that process is killed', async () => {
    const holder = startScript('holder.ts', 'thing');
    await once(holder.stdout, 'data');

    const { report, lines } = keepingReport();
    let ours = false;
    const install = async () => {
      ours = true;
    };
    const work = installed('thing', install, report);
    await expect
      .poll(() => lines)
      .toEqual([`Waiting for process ${holder.pid}, which is installing thing …`]);
    expect(ours).toBe(false);

    await kill(holder);
    await work;
    expect(ours).toBe(true);
    expect(await readdir(cache)).toEqual(['thing']);
  });

  it('happens once when several processes ask at the same moment, whatever the dead have left', async () => {
    const names = Array.from({ length: 20 }, (_, number) => `thing-${number}`);
    for (const name of names) await mkdir(path.join(cache, `${name}.installing-${process.pid}-1`));
    const installers = Array.from({ length: 4 }, () => startScript('installer.ts', ...names));
    await Promise.all(installers.map(({ stdout }) => once(stdout, 'data')));
    const outputs = installers.map(async (installer) => {
      installer.stdin.end();
      return (await installer.stdout.setEncoding('utf8').toArray()).join('');
    });
    const installs = (await Promise.all(outputs)).join('').trim().split('\n').sort();
    expect(installs).toEqual([...names].sort());
    expect((await readdir(cache)).sort()).toEqual([...names].sort());
  });
});

function startScript(script: string, ...args: string[]) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}
