import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { afterEach, expect, test } from 'vitest';
import { pause, withDescendants } from '../../../tools/servers/processes.ts';

// A process that has started another one, as PostgreSQL does for each connection.

const LONG = 600_000;
let parent: ChildProcess;
let family: number[] = [];

afterEach(() => {
  for (const pid of family) process.kill(pid, 'SIGKILL');
});

test('stands still with all that it has started, and goes on when it is told to', async () => {
  await startFamily();
  const { resume } = await pause([family[0] ?? 0], LONG);
  await expect.poll(stopped).toEqual([true, true]);
  resume();
  await expect.poll(stopped).toEqual([false, false]);
  resume();
});

test('goes on by itself when the time is up', async () => {
  await startFamily();
  await pause([family[0] ?? 0], 3_000);
  await expect.poll(stopped).toEqual([true, true]);
  await expect.poll(stopped).toEqual([false, false]);
});

test('one that is gone already is passed over', async () => {
  await startFamily();
  const gone = spawn('true');
  await once(gone, 'exit');
  const { resume } = await pause([gone.pid ?? 0, ...family], LONG);
  await expect.poll(stopped).toEqual([true, true]);
  resume();
});

async function startFamily(): Promise<void> {
  parent = spawn('sh', ['-c', 'sleep 600 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (parent.stdout === null) throw new Error('it has no output');
  const [child] = await once(createInterface({ input: parent.stdout }), 'line');
  family = [parent.pid ?? 0, Number(child)];
  expect(await withDescendants([parent.pid ?? 0])).toEqual(family);
}

async function stopped(): Promise<boolean[]> {
  const states = family.map((pid) => execa('ps', ['-o', 'stat=', '-p', String(pid)]));
  return (await Promise.all(states)).map(({ stdout }) => stdout.startsWith('T'));
}
