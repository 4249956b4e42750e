import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import type { EngineResult } from '../../../tools/bench/engine.ts';
import { subjects } from '../../../tools/bench/subjects.ts';
import { temporaryDirectory } from '../../system/dev/support.ts';

test.each([
  [['--subjects', 'floor,ceiling'], '--subjects'],
  [['--rates', '0'], '--rates'],
  [['--orders', 'many'], '--orders'],
  [['--json', 'nowhere/result.json'], '--json'],
  [['load', '--orders', '0'], '--orders'],
  [['growth', '--orders', '200'], '--orders'],
  [['holds', '--orders', '0'], '--orders'],
  [['start-up', '--runs', 'many'], '--runs'],
  [['engines'], 'too many arguments'],
])('%s is refused before anything is started', async (args, option) => {
  const { exitCode, stderr, stdout } = await bench(args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain(option);
});

test('all is measured in turns, on servers of its own, and what is stored is consistent', async () => {
  const directory = await temporaryDirectory();
  const json = path.join(directory, 'result.json');
  const { exitCode, stdout, stderr } = await bench([
    ...['--orders', '4', '--rounds', '1', '--at-once', '2,4', '--rates', '10'],
    ...['--json', json],
  ]);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('passed');
  const result = JSON.parse(await readFile(json, 'utf8')) as EngineResult;
  expect(result.problems).toEqual([]);

  // Each subject in each load, and what is compared with itself.
  const measured = result.figures.map(({ part, setting, subject }) => `${part}, ${setting}, ${subject}`);
  for (const setting of ['closed, 2 at once', 'closed, 4 at once', 'open, 10 a second']) {
    for (const subject of subjects) expect(measured).toContain(`${setting}, ${subject}`);
  }
  expect(measured).toContain('hot, one SKU, message-queue');
  expect(measured).toContain('growth, 10 times as many, two-phase');
  expect(measured).toContain('workers, 2 workers of each service, two-phase');
  expect(result.ratios).toHaveLength(13);

  const low = result.figures.filter(({ part, setting }) => part === 'closed' && setting === '2 at once');
  const usageOf = (wanted: string) => low.find(({ subject }) => subject === wanted)?.usage;
  expect(usageOf('floor')).toMatchObject({ writes: 0, reads: 0, inventoryActivities: 2 });
  // The same steps and the same writes, one read by nobody.
  expect(usageOf('two-phase')).toMatchObject({ writes: 7, reads: 0, inventoryActivities: 2 });
  expect(usageOf('plain')).toMatchObject({ writes: 7, reads: 0, inventoryActivities: 2 });
  expect(usageOf('sequential-saga')).toMatchObject({ writes: 7, reads: 0, inventoryActivities: 2 });
  expect(usageOf('two-phase')?.requests).toBeGreaterThan(10);
  for (const { usage, throughput } of low) {
    expect(throughput.median).toBeGreaterThan(0);
    if (process.platform === 'linux') expect(usage.workerSeconds).toBeGreaterThan(0);
  }
  expect(result.histories.map(({ subject }) => subject)).toEqual(subjects);
  const actionsOf = (wanted: string) => result.histories.find(({ subject }) => subject === wanted)?.actions;
  // The start and four steps; an order of Concord's also says in lists how it ended.
  expect(actionsOf('plain')).toMatchObject({ lowest: 5, highest: 5 });
  expect(actionsOf('two-phase')).toMatchObject({ lowest: 6, highest: 6 });
}, 1_200_000); // a few minutes; more where others use the machine as well

test('a server takes 50 ms for each step, where that is asked for and it is ours', async () => {
  const json = path.join(await temporaryDirectory(), 'result.json');
  const few = '--orders 1 --rounds 1 --parts closed --at-once 1 --subjects floor'.split(' ');
  const { exitCode, stderr } = await bench(['distant', ...few, '--json', json]);
  expect(exitCode, stderr).toBe(0);
  const { servers } = JSON.parse(await readFile(json, 'utf8')) as EngineResult;
  expect(servers.temporal).toMatch(/50 ms for each step/);

  const theirs = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void theirs.close());
  await once(theirs, 'listening');
  const address = `127.0.0.1:${(theirs.address() as AddressInfo).port}`;
  const refused = await bench(['distant'], { TEMPORAL_ADDRESS: address });
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused.stderr).toMatch(/distant: .*unset TEMPORAL_ADDRESS/);
}, 300_000);

test.each([
  ['load', ['--orders', '40'], /40 orders at once: .*\(\d+\.\d a second\)[\s\S]*confirmed +40[\s\S]*passed$/],
  ['growth', ['--orders', '210'], /stock document, bytes[\s\S]*history of an order, events[\s\S]*passed$/],
  ['holds', ['--orders', '1'], /50000 holds a worker answers TooManyHolds[\s\S]*100000 .*[\s\S]*passed$/],
])(
  '%s is measured on servers of its own, and tells its figures',
  async (part, args, figures) => {
    const json = path.join(await temporaryDirectory(), 'result.json');
    const { exitCode, stdout, stderr } = await bench([part, ...args, '--json', json]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(figures);
    expect(stdout).toMatch(/cores, .* for everything; Temporal: .*; MongoDB: /);
    expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ problems: [] });
  },
  300_000,
);

function bench(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return execa('npm', ['run', '-s', 'bench', '--', ...args], { reject: false, env });
}
