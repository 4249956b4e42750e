import { readFile } from 'node:fs/promises';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { parse } from 'yaml';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { workflowIdOf } from '../../../domain/place-order.ts';
import { type Strategy, strategies } from '../../../domain/strategies.ts';
import { droppedSpans } from '../../../platform/tracing/tracing.ts';
import { ensureSchedule, reaperSchedule } from '../../../workers/schedules.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runCli } from '../../support/run-cli.ts';
import { orderOf, prepareByHand } from '../../system/operations/support.ts';
import { type Sample, samplesIn, sumOf } from './exposition.ts';
import { type ObservedWorker, startObserved, temporalOf } from './observed.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts';
import { namesIn } from './promql.ts';
import { ancestorsOf, commandsIn, firstSpansIn, traceOf } from './traces.ts';

const mailboxId = mailboxIdOf({ orderId: 'any', customerId: 'any', lines: [{ sku: 'A', quantity: 1 }] });

// Workers and the command line as processes of their own, and a collector: what is seen of them in production.

let platform: Platform;
let collector: OtlpReceiver;
let workers: Record<ServiceName, ObservedWorker>;

const CUSTOMER = 'somebody-who-likes-coffee';
const reaper = reaperSchedule({ interval: 60_000, holdLimit: 900_000 });

beforeAll(async () => {
  // A history is deleted once the server has noted how far it is: every second here, and not every 30.
  const limits = { 'history.transferProcessorUpdateAckInterval': 1 };
  [platform, collector] = await Promise.all([
    startPlatform(undefined, undefined, { limits }),
    startOtlpReceiver(),
  ]);
  const { concord } = platform;
  await Promise.all(['A', 'B', 'retried', 'cancelled', 'held'].map((sku) => concord.restock(sku, 10)));
  await Promise.all([platform.stop('orders'), platform.stop('inventory')]);
  // Cancelled before any worker has seen it.
  await concord.place(orderOf('cancelled'), { wait: 'accepted' });
  await concord.client.workflow.getHandle('order/cancelled').cancel();
  await prepareByHand(platform, 'held', { only: 'inventory' });
  await platform.databases.inventory.collection('stock').insertOne({ sku: 'damaged', holds: 'none' });
  await ensureSchedule(concord.client, reaper);
  const environment = tracing();
  workers = {
    orders: await startObserved('orders', platform, environment),
    inventory: await startObserved('inventory', platform, environment),
  };
  await Promise.all(strategies.map(place));
});

afterAll(async () => {
  await Promise.all(Object.values(workers).map((worker) => worker.stop()));
  await collector[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
});

function tracing(): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '100',
    // Whoever waited for a collector that hangs would be seen to.
    OTEL_EXPORTER_OTLP_TIMEOUT: '90000',
    OTEL_BSP_EXPORT_TIMEOUT: '90000',
  };
}

/** Places an order of two lines, which is called as its strategy. */
async function place(strategy: Strategy): Promise<void> {
  const order = ['--order-id', strategy, '--customer', CUSTOMER, '--sku', 'A:1', '--sku', 'B:1'];
  const env = { ...temporalOf(platform), ...tracing() };
  const { stdout, exitCode } = await runCli(['place', ...order, '--strategy', strategy], { env });
  expect([stdout, exitCode]).toEqual([expect.stringMatching(/confirmed/), 0]);
}

describe('one trace', () => {
  test('goes from `place` through the workflow and its activities to each command: two-phase', async () => {
    const trace = await traceOf(collector, 'two-phase');
    expect(firstSpansIn(trace)).toEqual(['place']);
    const chains = commandsIn(trace).map((command) => ancestorsOf(command, trace));
    const steps = ['orders.prepare', 'orders.decide', 'inventory.prepare', 'inventory.commit'];
    expect(new Set(chains.map(([activity]) => activity))).toEqual(
      new Set(steps.map((step) => `RunActivity:${step}`)),
    );
    for (const [activity = '', ...rest] of chains) {
      expect(rest).toEqual([
        activity.replace('Run', 'Start'),
        ...['RunWorkflow:placeOrder', 'StartWorkflow:placeOrder', 'place'],
      ]);
    }
    expect(new Set(trace.map(({ service }) => service))).toEqual(
      new Set(['concord-client', 'concord-orders', 'concord-inventory']),
    );
  });
});

describe('the trace of an order whose services aren’t called goes on', () => {
  test('with its messages, also where a mailbox handles several orders in one batch: message-queue', async () => {
    const isWhole = hasCommandBelow('HandleItem:inventory.handle', 2);
    const trace = await traceOf(collector, 'message-queue', isWhole);
    expect(firstSpansIn(trace)).toEqual(['place']);
    const handled = trace.filter(({ name }) => name === 'HandleItem:inventory.handle');
    expect(handled.map((item) => ancestorsOf(item, trace).slice(0, 2))).toEqual([
      ['SignalWithStartWorkflow:mailbox', 'RunActivity:orders.prepare'],
      ['SignalWithStartWorkflow:mailbox', 'RunActivity:orders.decide'],
    ]);
    const batches = collector.spans.filter(({ name }) => name === 'RunActivity:inventory.handle');
    for (const { links } of handled)
      expect(batches.map(({ spanId }) => spanId)).toEqual(expect.arrayContaining([...links]));
    for (const { links } of handled) expect(links).toHaveLength(1);
    expect(trace.map(({ name }) => name)).toContain('HandleSignal:reply');
  });

  test('with its events, also with those that come back with a batch: event-driven', async () => {
    const isWhole = hasCommandBelow('HandleItem:inventory.handle', 2);
    const trace = await traceOf(collector, 'event-driven', isWhole);
    expect(firstSpansIn(trace)).toEqual(['place']);
    const placed = ['RunActivity:orders.prepare', 'StartActivity:orders.prepare', 'RunWorkflow:placeOrder'];
    const from = ['SignalWithStartWorkflow:mailbox', ...placed, 'StartWorkflow:placeOrder', 'place'];
    for (const [name, count] of [
      ['inventory.handle', 2],
      ['orders.handle', 1],
    ] as const) {
      const handled = trace.filter((span) => span.name === `HandleItem:${name}`);
      expect(handled.map((item) => ancestorsOf(item, trace))).toEqual(
        Array.from({ length: count }, () => from),
      );
    }
    expect(trace.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['HandleSignal:recorded', 'HandleSignal:reply']),
    );
  });
});

/** True where so many spans of this name have commands below them. */
function hasCommandBelow(name: string, times: number) {
  return (trace: readonly ReceivedSpan[]) => {
    const parents = new Set(commandsIn(trace).map(({ parentSpanId }) => parentSpanId));
    return trace.filter((span) => span.name === name && parents.has(span.spanId)).length >= times;
  };
}

test('no span says who has ordered what', async () => {
  await traceOf(collector, 'event-driven');
  expect(collector.text()).toContain('db.query.text');
  expect(collector.text()).not.toContain(CUSTOMER);
});

test('log lines of workflows and activities carry the ids of their trace', async () => {
  const [{ traceId } = { traceId: '' }] = await traceOf(collector, 'two-phase');
  const linesOf = (service: ServiceName) =>
    workers[service].logs().filter(({ workflowId, orderId }) => workflowId === 'order/two-phase' && orderId);
  const traced = { trace_id: traceId, span_id: expect.stringMatching(/^[0-9a-f]{16}$/) };
  await expect
    .poll(() => linesOf('orders'))
    .toContainEqual(expect.objectContaining({ ...traced, msg: 'order decided' }));
  const settling = { orders: 'orders.decide', inventory: 'inventory.commit' } as const;
  for (const service of ['orders', 'inventory'] as const) {
    const lines = linesOf(service);
    expect(lines).toContainEqual(expect.objectContaining({ activityType: settling[service], ...traced }));
    for (const line of lines) expect(line).toMatchObject(traced);
  }
});

test('a history that was traced replays; beside workflow tasks, it has its start, its end, its status and four activities', async () => {
  const { client } = platform.concord;
  for (const [workflowId, service] of [
    ...strategies.map((strategy) => [`order/${strategy}`, 'orders'] as const),
    [mailboxId, 'orders'] as const,
  ]) {
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    const workflowBundle = { codePath: inject('workflowBundles')[service] };
    await Worker.runReplayHistory(
      { workflowBundle, sinks: droppedSpans, replayName: workflowId },
      history,
      workflowId,
    );
    const tasks =
      history.events?.filter(({ workflowTaskScheduledEventAttributes: scheduled }) => scheduled) ?? [];
    if (workflowId === 'order/two-phase')
      expect((history.events?.length ?? 0) - 3 * tasks.length).toBe(2 + 1 + 4 * 3);
  }
});

describe('Prometheus', () => {
  let samples: Sample[];

  beforeAll(async () => {
    const { concord } = platform;
    const outOfStock = { ...orderOf('rejected'), lines: [{ sku: 'A', quantity: 999 }] };
    await Promise.all([concord.place(orderOf('retried')), concord.place(outOfStock)]);
    const args = [{}];
    const wrong = { taskQueue: 'orders', workflowId: 'order/wrong', args };
    await expect(concord.client.workflow.execute('placeOrder', wrong)).rejects.toThrow();
    // The schedule would have it run within a minute.
    const watch = { taskQueue: 'orders', workflowId: 'watch', args: [{}] };
    await concord.client.workflow.execute('watchOrders', watch);
    await vi.waitFor(
      async () => {
        samples = [...(await scraped('orders')), ...(await scraped('inventory'))];
        expect(sumOf(samples, 'concord_orders_total')).toBe(6);
        expect(sumOf(samples, 'concord_holds', { age: 'under 1 minute' })).toBe(1);
        for (const workflowType of ['reapHolds', 'watchOrders'])
          expect(sumOf(samples, SUCCEEDED, { workflowType })).toBeGreaterThan(0);
      },
      { timeout: 30_000, interval: 200 },
    );
  });

  const scraped = async (name: ServiceName) => samplesIn(await workers[name].scrape());

  test.each([
    ['confirmed', 'two-phase', 2],
    ['confirmed', 'message-queue', 1],
    ['confirmed', 'event-driven', 1],
    ['rejected', 'two-phase', 1],
    ['cancelled', 'two-phase', 1],
  ])('counts %s orders, and times their decisions: %s', (outcome, strategy, times) => {
    const labels = { outcome, strategy };
    expect(sumOf(samples, 'concord_orders_total', labels)).toBe(times);
    expect(sumOf(samples, 'concord_order_decision_seconds_count', labels)).toBe(times);
  });

  test('counts retries by activity, compensations by participant, and holds by age', () => {
    const retried = { activity_type: 'inventory.commit' };
    expect(sumOf(samples, 'concord_activity_retries_total', retried)).toBe(1);
    for (const participant of ['orders', 'inventory']) {
      expect(sumOf(samples, 'concord_compensations_total', { participant })).toBe(2);
    }
    expect(sumOf(samples, 'concord_holds')).toBe(1);
    expect(sumOf(samples, 'concord_oldest_hold_age_seconds')).toBeGreaterThan(0);
    expect(sumOf(samples, 'concord_hold_limit_seconds')).toBe(900);
  });

  test('counts an order once that is placed again when its history is gone, and not who else wants its id', {
    timeout: 180_000,
  }, async () => {
    const { concord } = platform;
    await concord.restock('twice', 3);
    const counted = async () => {
      const orders = await scraped('orders');
      return COUNTS.map((name) => sumOf(orders, name) ?? 0);
    };
    const before = await counted();
    const orders = [
      ...strategies.map((strategy) => ({ ...orderOf('twice'), orderId: `twice-${strategy}`, strategy })),
      { ...orderOf('refused'), strategy: 'two-phase' as const },
    ];
    const placed = () =>
      Promise.all(
        orders.map(async ({ strategy, ...order }) => {
          const { status, joined } = await concord.place(order, { strategy });
          return [order.orderId, status, joined];
        }),
      );
    const outcomes = (joined: boolean) => [
      ...strategies.map((strategy) => [`twice-${strategy}`, 'confirmed', joined]),
      ['refused', 'rejected', joined],
    ];
    expect(await placed()).toEqual(outcomes(false));
    const [ordersBefore = 0, decisionsBefore = 0, undoneBefore = 0] = before;
    const once = [ordersBefore + 4, decisionsBefore + 4, undoneBefore + 2];
    await expect.poll(counted).toEqual(once);

    const forgetAll = () => Promise.all(orders.map(({ orderId }) => forget(orderId)));
    await forgetAll();
    expect(await placed()).toEqual(outcomes(true));
    await forgetAll();
    for (const { strategy, ...order } of orders) {
      const other = { ...order, customerId: 'another' };
      await expect(concord.place(other, { strategy })).rejects.toMatchObject({ code: 'OrderIdTaken' });
    }
    expect(await counted()).toEqual(once);
    expect(await concord.stock(['twice'])).toMatchObject([{ available: 0, sold: 3, reserved: 0 }]);
  });

  /** Deletes an order's history, as the end of its retention does, and waits until it is gone. */
  async function forget(orderId: string): Promise<void> {
    const { workflow, workflowService, options } = platform.concord.client;
    const { namespace } = options;
    const handle = workflow.getHandle(workflowIdOf(orderId));
    const workflowExecution = { workflowId: handle.workflowId };
    await workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
    await expect
      .poll(() => handle.describe().catch((error: Error) => error.name), { timeout: 60_000 })
      .toBe('WorkflowNotFoundError');
  }

  test('shows how often each sweep should succeed, and what sweeps have left alone', () => {
    const interval = 'concord_sweep_interval_seconds';
    expect(sumOf(samples, interval, { workflowType: 'reapHolds' })).toBe(1);
    expect(sumOf(samples, interval, { workflowType: 'watchOrders' })).toBe(60);
    const skipped = { activity_type: 'inventory.findOrphans' };
    expect(sumOf(samples, 'concord_skipped_total', skipped)).toBeGreaterThan(0);
    expect(workers.inventory.logs()).toContainEqual(
      expect.objectContaining({ msg: 'left alone', problem: 'holds is no list' }),
    );
  });

  test('a sweep that fails leaves the time of its last success', async () => {
    const { client } = platform.concord;
    const labels = { workflowType: 'reapHolds' };
    const succeeded = async () => sumOf(await scraped('inventory'), SUCCEEDED, labels) ?? 0;
    const schedule = client.schedule.getHandle(reaper.id);
    await schedule.pause();
    const running = async () => (await schedule.describe()).info.runningActions.length;
    await expect.poll(running).toBe(0);
    const before = await succeeded();
    const sweep = { taskQueue: 'inventory', workflowId: 'fails', args: [-1] };
    await expect(client.workflow.execute('reapHolds', sweep)).rejects.toThrow();
    expect(await succeeded()).toBe(before);
    await client.workflow.execute('reapHolds', { ...sweep, workflowId: 'succeeds', args: [900_000] });
    await expect.poll(succeeded).toBeGreaterThan(before);
    await schedule.unpause();
  });

  test('tells quick decisions from those that took the whole budget to prepare', () => {
    const buckets = samples.filter(({ name }) => name === 'concord_order_decision_seconds_bucket');
    const limits = new Set(buckets.map(({ labels }) => labels.le));
    for (const limit of ['0.05', '60', '600', '1200']) expect(limits).toContain(limit);
  });

  test('has few series, however many orders there are', () => {
    const own = samples.filter(({ name }) => name.startsWith('concord_'));
    const labels = new Set(own.flatMap((sample) => Object.keys(sample.labels)));
    expect([...labels].sort()).toEqual(LABELS);
  });

  test.each([
    ['deploy/grafana/dashboard.json', 15],
    ['deploy/prometheus/alerts.yaml', 8],
  ])('every metric and label in %s exists', async (file, least) => {
    const expressions = expressionsIn(parse(await readFile(file, 'utf8')));
    expect(expressions.length).toBeGreaterThanOrEqual(least);
    const exposed = {
      metrics: samples.map(({ name }) => name),
      // Prometheus itself adds `instance`.
      labels: ['instance', ...samples.flatMap(({ labels }) => Object.keys(labels))],
    };
    for (const expression of expressions) {
      const { metrics, labels } = namesIn(expression);
      expect(metrics.length, expression).toBeGreaterThan(0);
      expect(exposed.metrics, expression).toEqual(expect.arrayContaining(metrics));
      expect(exposed.labels, expression).toEqual(expect.arrayContaining(labels));
    }
  });
});

const COUNTS = [
  'concord_orders_total',
  'concord_order_decision_seconds_count',
  'concord_compensations_total',
];
const SUCCEEDED = 'concord_sweep_succeeded_timestamp_seconds';

const LABELS = [
  'activityType',
  'activity_type',
  'age',
  'le',
  'namespace',
  'outcome',
  'participant',
  'strategy',
  'taskQueue',
  'workflowType',
];

/** Whatever is called `expr`, however deep. */
function expressionsIn(document: unknown): string[] {
  if (typeof document !== 'object' || document === null) return [];
  return Object.entries(document).flatMap(([key, value]) =>
    key === 'expr' && typeof value === 'string' ? [value] : expressionsIn(value),
  );
}

// The last one, because the collector is of no use after it.
test('a collector that does not answer delays neither an order nor the end of a process', async () => {
  collector.hang();
  const started = Date.now();
  const order = ['--order-id', 'unwatched', '--customer', CUSTOMER, '--sku', 'A:1'];
  const { exitCode } = await runCli(['place', ...order], { env: { ...temporalOf(platform), ...tracing() } });
  expect([exitCode, collector.unanswered()]).toEqual([0, expect.any(Number)]);
  expect(collector.unanswered()).toBeGreaterThan(0);
  expect(Date.now() - started).toBeLessThan(40_000);
  for (const worker of Object.values(workers)) {
    const { exitCode: ended, took } = await worker.stop();
    expect(ended).toBe(0);
    expect(took).toBeLessThan(20_000);
  }
});
