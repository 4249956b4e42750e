import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest';
import type { OrderDocument } from '../../activities/orders.ts';
import { compareStrategies } from '../../bench/compare/compare.ts';
import type { Comparison } from '../../bench/compare/result.ts';
import { Concord } from '../../client/concord.ts';
import { silentReport } from '../../dev/report.ts';
import { createSupervisor, type Supervisor } from '../../dev/supervisor.ts';
import { startTemporal } from '../../dev/temporal.ts';
import { strategies } from '../../domain/strategies.ts';
import { startCli } from '../client/run-cli.ts';

// Short runs on real servers. What they measure is worth nothing here; that they measure all, and leave nothing, is.

let directory: string;
let supervisor: Supervisor;
let concord: Concord;
let mongo: MongoClient;
let environment: Record<string, string>;

beforeAll(async () => {
  directory = await mkdtemp(path.join(await realpath(tmpdir()), 'compare-test-'));
  supervisor = await createSupervisor();
  const { address } = await startTemporal({ supervisor, directory, keepData: false, report: silentReport });
  concord = await Concord.connect({ connection: { address } });
  mongo = new MongoClient(inject('mongodbUri'));
  environment = { TEMPORAL_ADDRESS: address, MONGODB_URI: inject('mongodbUri'), TMPDIR: directory };
});

afterAll(async () => {
  await mongo.close();
  await concord.close();
  await supervisor.stop();
  await rm(directory, { recursive: true, force: true });
});

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
});

test('a run on servers of its own: what it says is what is stored', { timeout: 240_000 }, async () => {
  vi.stubEnv('MONGODB_URI', inject('mongodbUri'));
  const comparison = await compareStrategies({
    ...{ orders: 10, rounds: 1, faultSeconds: 1, parts: ['performance', 'worker-killed'] },
    tell: () => {},
    cleanUp: (end) => void ends.push(end),
  });
  expect(comparison).toMatchObject({ violations: [], skipped: [] });

  const [name = ''] = await databases();
  const orders = mongo.db(name).collection<OrderDocument>('orders');
  expect(await orders.countDocuments()).toBe(comparison.checkedOrders);
  expect(await orders.distinct('status')).toEqual(['confirmed']);
  for (const strategy of strategies) {
    const ids = new RegExp(`^${strategy}\\.`);
    const stored = strategy === 'two-phase' ? { strategy: { $exists: false } } : { strategy };
    // Two warm-ups of 10, and in the round 2 and 10 orders for either demand.
    const performed = await orders.countDocuments({ ...stored, _id: /\.performance\./ });
    expect(performed, strategy).toBe(2 * 10 + 2 * (2 + 10));
    expect(await orders.countDocuments({ ...stored, _id: ids })).toBe(
      await orders.countDocuments({ _id: ids }),
    );
  }
  expectWholePerformance(comparison);
  expectCostsInOrder(comparison);

  expect(comparison.faults.map(({ fault, strategy }) => [fault, strategy])).toEqual(
    strategies.map((strategy) => ['worker-killed', strategy]),
  );
  for (const { strategy, samples, finalAfter, began, ended } of comparison.faults) {
    const sent = await orders.countDocuments({ _id: new RegExp(`^${strategy}\\.worker-killed\\.`) });
    expect(sent, 'orders came before, during and after').toBeGreaterThan(8);
    expect(finalAfter, 'all became final').not.toBeNull();
    expect(samples.filter(({ at }) => at < began).length).toBeGreaterThan(0);
    expect(samples.filter(({ at }) => at > ended).length).toBeGreaterThan(0);
    expect(samples.at(-1), 'nothing is left').toMatchObject({
      open: 0,
      pending: 0,
      held: 0,
      inconsistent: 0,
    });
  }
});

test('the command on the user’s servers: exit code 0, a report, and nothing is left', {
  timeout: 240_000,
}, async () => {
  const html = path.join(directory, 'report.html');
  const only = ['--only', 'order-service-down,temporal-restarted', '--fault-seconds', '1'];
  const { exitCode, stdout, stderr } = await compare([...only, '--json', '--html', html]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });

  const comparison = JSON.parse(stdout) as Comparison;
  expect(comparison).toMatchObject({ performance: [], cost: [], violations: [] });
  expect(comparison.faults.map(({ fault }) => fault)).toEqual(strategies.map(() => 'order-service-down'));
  expect(comparison.skipped).toEqual([
    { fault: 'temporal-restarted', reason: expect.stringContaining('your own') },
  ]);
  expect(await readFile(html, 'utf8')).toContain(JSON.stringify(comparison.faults[0]?.samples));

  expect(await databases()).toEqual([]);
  expect(await concord.client.workflow.count(), 'in the namespace of the user').toMatchObject({ count: 0 });
  expect(await namespaces()).toEqual([]);
});

test('an order that is not kept consistent: exit code 1, and it is named', { timeout: 240_000 }, async () => {
  // On a Temporal of its own, which only such a run can restart.
  const running = compare(['--only', 'temporal-restarted'], { TEMPORAL_ADDRESS: '' });
  await expect.poll(databases, { timeout: 60_000 }).toHaveLength(2);
  const [name = ''] = await databases();
  const lost = {
    _id: 'nobody-placed-it',
    lines: [{ sku: 'x', quantity: 1 }],
    customerId: 'c',
    status: 'confirmed',
  };
  await mongo.db(name).collection<{ _id: string }>('orders').insertOne(lost);
  const { exitCode, stdout } = await running;
  expect(exitCode).toBe(1);
  expect(stdout).toContain('VIOLATED');
  expect(stdout).toContain('nobody-placed-it');
  // On a pipe: the table, the figure, and a cell for each strategy.
  expect(stdout).toMatch(/^Temporal restarted\tnew orders meanwhile(\t\d+){3}$/m);
});

test('Ctrl-C in the middle: exit code 130, and nothing is left', { timeout: 240_000 }, async () => {
  const running = compare(['--only', 'performance']);
  await expect.poll(databases, { timeout: 60_000 }).toHaveLength(2);
  running.kill('SIGINT');
  expect(await running).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('stopped') });
  expect(await databases()).toEqual([]);
  expect(await namespaces()).toEqual([]);
});

function compare(args: string[], others: Record<string, string> = {}) {
  return startCli(['compare', ...args], { env: { ...environment, ...others } });
}

/** Those of comparisons, the orders' own first where it has orders. */
async function databases(): Promise<string[]> {
  const { databases } = await mongo.db('admin').admin().listDatabases({ nameOnly: true });
  const names = databases.map(({ name }) => name).filter((name) => name.startsWith('concord_compare_'));
  return names.sort().reverse();
}

async function namespaces(): Promise<string[]> {
  const { namespaces } = await concord.client.workflowService.listNamespaces({});
  const names = (namespaces ?? []).map(({ namespaceInfo }) => namespaceInfo?.name ?? '');
  // One that is being deleted gets another name for the time that this takes.
  return names.filter((name) => /^concord-compare-[0-9a-f]{8}$/.test(name));
}

function expectWholePerformance({ performance }: Comparison): void {
  expect(performance.map(({ demand, load, strategy }) => `${demand} ${load} ${strategy}`)).toEqual(
    ['spread', 'hot'].flatMap((demand) =>
      ['low', 'saturation'].flatMap((load) => strategies.map((strategy) => `${demand} ${load} ${strategy}`)),
    ),
  );
  for (const { throughput, decided, final } of performance) {
    expect(throughput.median).toBeGreaterThan(0);
    for (const { p50, p95, p99 } of [decided, final]) {
      expect(p50.lowest).toBeGreaterThan(0);
      for (const { lowest, median, highest } of [p50, p95, p99]) {
        expect([lowest, median, highest]).toEqual(
          [lowest, median, highest].sort((one, other) => one - other),
        );
      }
      expect([p50.median, p95.median, p99.median]).toEqual(
        [p50.median, p95.median, p99.median].sort((a, b) => a - b),
      );
    }
    expect(final.p50.median).toBeGreaterThanOrEqual(decided.p50.median);
  }
}

/** The fewest writes of an order of two lines are known, and who says more writes and records more. */
function expectCostsInOrder({ cost }: Comparison): void {
  expect(cost).toHaveLength(12);
  const [twoPhase, messageQueue, eventDriven] = cost;
  // Insert, open, two holds, vote; confirm, decide, two sales.
  expect(twoPhase?.writes).toBeGreaterThanOrEqual(9);
  expect(messageQueue?.writes).toBeGreaterThan(twoPhase?.writes ?? Number.NaN);
  expect(eventDriven?.historyEvents).toBeGreaterThan(twoPhase?.historyEvents ?? Number.NaN);
  // A start, four activities, and the update of the customer who waits for the decision.
  expect(twoPhase?.actions).toBeGreaterThanOrEqual(6);
  expect(eventDriven?.actions).toBeGreaterThan(twoPhase?.actions ?? Number.NaN);
}
