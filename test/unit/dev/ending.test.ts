import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordFiles, runningDirectory } from '../../../client/cli/shared/running-start.ts';
import { end, identify, isAlive, type ProcessIdentity } from '../../../tools/servers/processes.ts';
import { cleanUpAfterTheDead } from '../../../tools/servers/running.ts';
import { createSupervisor } from '../../../tools/servers/supervisor.ts';
import { keepingReport, removeDirectory, signalTo, temporaryDirectory } from '../../system/dev/support.ts';

let directory: string;
let children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
  vi.stubEnv('CONCORD_CACHE', directory);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await removeDirectory(directory);
});

describe('a signal that the system does not have, as on Windows', () => {
  it.each([
    ['ERR_UNKNOWN_SIGNAL', 'SIGTERM'],
    ['ENOSYS', 'SIGTERM'],
    ['ERR_UNKNOWN_SIGNAL', 'SIGINT'],
  ] as const)(
    '%s for all but SIGKILL: a process is ended all the same, without %s',
    async (code, stopSignal) => {
      failToSend(code, ({ signal }) => signal !== 'SIGKILL');
      const identity = startSleeping();
      expect(await end(identity, stopSignal, 600_000)).toBe(true);
      expect(isAlive(identity)).toBe(false);
    },
  );

  it('SIGCONT alone: a process has its grace', async () => {
    failToSend('ERR_UNKNOWN_SIGNAL', ({ signal }) => signal === 'SIGCONT');
    const identity = startSleeping();
    await end(identity, 'SIGTERM', 600_000);
    expect(isAlive(identity)).toBe(false);
    expect(process.kill).not.toHaveBeenCalledWith(identity.pid, 'SIGKILL');
  });
});

describe('a server that can not be ended', () => {
  it('keeps none of the others, and stays on record for the next start', async () => {
    const supervisor = await createSupervisor();
    const start = (name: string) => supervisor.start({ name, command: 'sleep', args: ['600'], directory });
    const servers = [await start('first'), await start('second'), await start('third')];
    const pids = servers.map(({ identity }) => identity.pid);
    failToSend('EPERM', ({ pid }) => pid === pids[1]);
    await expect(supervisor.stop()).rejects.toThrow('EPERM');
    expect(servers.map(({ identity }) => isAlive(identity))).toEqual([false, true, false]);
    expect(recordFiles()).toHaveLength(1);
    vi.restoreAllMocks();
    signalTo(pids[1], 'SIGKILL');
  });

  it('of an earlier run keeps neither the others nor the next start', async () => {
    const [stubborn, other, later] = [startSleeping(), startSleeping(), startSleeping()];
    const left = path.join(directory, 'concord-left');
    await mkdir(left);
    await record('one', { children: [other, stubborn], throwAwayDirectories: [left] });
    await record('two', { children: [later], throwAwayDirectories: [] });
    failToSend('EPERM', ({ pid }) => pid === stubborn.pid);
    const { report, lines } = keepingReport();
    await cleanUpAfterTheDead(report);
    expect([stubborn, other, later].map(isAlive)).toEqual([true, false, false]);
    expect(existsSync(left)).toBe(false);
    expect(lines.sort()).toEqual([
      expect.stringMatching(/^Ended 1 server processes/),
      expect.stringMatching(/^Not everything could be ended .*EPERM/),
    ]);
    expect(recordFiles().map((file) => path.basename(file))).toEqual(['one.json']);
  });
});

/** Signals of this kind can't be sent. */
function failToSend(code: string, isMeant: (sent: { pid: number; signal: unknown }) => boolean): void {
  const send = process.kill.bind(process);
  vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
    if (isMeant({ pid, signal })) throw Object.assign(new Error(`kill ${code}`), { code });
    return send(pid, signal);
  });
}

function startSleeping() {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(child);
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('it did not start');
  return identity;
}

interface Left {
  readonly children: readonly ProcessIdentity[];
  readonly throwAwayDirectories: readonly string[];
}

/** Writes the record of a start whose process is gone. */
async function record(name: string, { children, throwAwayDirectories }: Left): Promise<void> {
  const stopping = { name: 'server', stopSignal: 'SIGTERM', graceMs: 60_000 };
  const record = {
    role: 'test',
    ready: true,
    startedAt: new Date().toISOString(),
    owner: { pid: 4_194_305, started: '1' },
    children: children.map((child) => ({ ...child, ...stopping })),
    throwAwayDirectories,
  };
  await mkdir(runningDirectory(), { recursive: true });
  await writeFile(path.join(runningDirectory(), `${name}.json`), JSON.stringify(record));
}
