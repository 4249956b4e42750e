import { Context } from '@temporalio/activity';
import proto from '@temporalio/proto';
import { NativeConnection } from '@temporalio/worker';
import pMap from 'p-map';
import { expect, inject, test } from 'vitest';
import { createServiceWorker } from '../../../workers/create-worker.ts';
import type { WorkerLimits } from '../../../workers/limits.ts';
import { createGate } from '../../support/gate.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

// Who goes first where more waits than workers can take. They do nothing until all of it waits, so that only the order
// in which they get it is seen, however quick they are.

test('five orders are decided long before 500 that another customer has placed ahead of them', {
  timeout: 240_000,
}, async () => {
  await using platform = await startPlatform();
  await platform.concord.restock('TEA', 505);
  await using held = await holdWorkers(platform);
  await placeOrders(platform, 'hoarder', 500);
  await placeOrders(platform, 'alice', 5);
  await held.untilWaiting(495);
  held.release();

  const decided = () => held.begun.filter(({ step }) => step === 'orders.decide');
  const isOfAlice = ({ of }: Begun) => of.startsWith('order/alice');
  await expect.poll(() => decided().filter(isOfAlice).length, { timeout: 150_000 }).toBe(5);
  expect(decided().findLastIndex(isOfAlice)).toBeLessThan(50);
});

test('orders that are begun are decided before others begin', async () => {
  await using platform = await startPlatform();
  await platform.concord.restock('TEA', 60);
  await using held = await holdWorkers(platform);
  await placeOrders(platform, 'alice', 60);
  await held.untilWaiting(55);
  held.release();

  const decided = () => held.begun.flatMap(({ step }, index) => (step === 'orders.decide' ? [index] : []));
  await expect.poll(() => decided().length).toBeGreaterThanOrEqual(10);
  const before = held.begun.slice(0, decided()[9]);
  expect(before.filter(({ step }) => step === 'orders.prepare').length).toBeLessThan(40);
});

test('an order begins before those who only look are answered', async () => {
  await using platform = await startPlatform();
  const { concord } = platform;
  await concord.restock('TEA', 1);
  await using held = await holdWorkers(platform);
  const isLooking = () => !held.begun.some(({ step }) => step === 'orders.prepare');
  // Nobody waits for ever for an answer, so who gets none in time asks again.
  const look = async () => {
    while (isLooking()) await concord.list().catch(() => {});
  };
  const looking = Array.from({ length: 40 }, look);
  await held.untilWaiting(20);
  await placeOrders(platform, 'alice', 1);
  await expect.poll(() => pendingSteps(platform, 'order/alice-0')).toContain('orders.prepare');
  held.release();

  await Promise.all(looking);
  expect(held.begun.findIndex(({ step }) => step === 'orders.prepare')).toBeLessThan(10);
});

/** A step that a worker has begun, and the id of its workflow. */
interface Begun {
  readonly step: string;
  readonly of: string;
}

const SMALL: WorkerLimits = { activities: 2, workflowTasks: 10, cachedWorkflows: 100, pollers: 2 };

/** Workers that do two things at a time, and nothing until they are released. */
async function holdWorkers({ address, databases, stop, concord }: Platform) {
  const gate = createGate();
  const begun: Begun[] = [];
  const connection = await NativeConnection.connect({ address });
  const host = async (name: 'orders' | 'inventory') => {
    await stop(name);
    const worker = await createServiceWorker(name, {
      connection,
      namespace: 'default',
      database: databases[name],
      workflowBundle: { codePath: inject('workflowBundles')[name] },
      limits: SMALL,
      interceptors: [
        () => ({
          inbound: {
            async execute(input, next) {
              await gate.opened;
              const { activityType, workflowExecution } = Context.current().info;
              begun.push({ step: activityType, of: workflowExecution?.workflowId ?? '' });
              return next(input);
            },
          },
        }),
      ],
    });
    return { worker, ended: worker.run() };
  };
  const hosted = await Promise.all([host('orders'), host('inventory')]);
  return {
    begun: begun as readonly Begun[],
    release: gate.open,
    /** Waits until so many steps of the order service wait for a worker. */
    async untilWaiting(count: number): Promise<void> {
      const question = {
        namespace: 'default',
        taskQueue: { name: 'orders' },
        taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        reportStats: true,
      };
      const waiting = async () => {
        const { stats } = await concord.client.workflowService.describeTaskQueue(question);
        return Number(stats?.approximateBacklogCount ?? 0);
      };
      await expect.poll(waiting, { timeout: 120_000, interval: 200 }).toBeGreaterThanOrEqual(count);
    },
    async [Symbol.asyncDispose]() {
      gate.open();
      for (const { worker } of hosted) worker.shutdown();
      await Promise.all(hosted.map(({ ended }) => ended));
      await connection.close();
    },
  };
}

async function placeOrders({ concord }: Platform, customerId: string, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `${customerId}-${index}`);
  const lines = [{ sku: 'TEA', quantity: 1 }];
  await pMap(ids, (orderId) => concord.place({ orderId, customerId, lines }, { wait: 'accepted' }), {
    concurrency: 50,
  });
}

async function pendingSteps(
  { concord }: Platform,
  workflowId: string,
): Promise<(string | undefined | null)[]> {
  const { raw } = await concord.client.workflow.getHandle(workflowId).describe();
  return (raw.pendingActivities ?? []).map(({ activityType }) => activityType?.name);
}
