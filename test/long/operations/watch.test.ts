import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { WATCH_INTERVAL } from '../../../domain/policies.ts';
import { watchSchedule } from '../../../workers/schedules.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { placeAndWait } from '../../system/operations/support.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

test('a worker of the orders has troubled orders told by a schedule', async () => {
  const { concord } = platform;
  const { client } = concord;
  await concord.restock('troubled', 10);
  platform.breakDown('inventory');
  // So that nobody but the worker itself can do it.
  await platform.stop('orders');
  const worker = spawn(process.execPath, ['--import', 'tsx', 'workers/orders.ts'], {
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: platform.address,
      TEMPORAL_NAMESPACE: platform.namespace,
      MONGODB_URI: inject('mongodbUri'),
      ORDERS_DATABASE: platform.databases.orders.databaseName,
    },
  });
  try {
    const schedule = client.schedule.getHandle(watchSchedule.id);
    await expect
      .poll(() => schedule.describe().catch(String), UNTIL_IT_RUNS)
      .toMatchObject({
        spec: { intervals: [{ every: WATCH_INTERVAL }] },
        // What `concord stuck` takes by default as well.
        action: { workflowType: 'watchOrders', taskQueue: 'orders', args: [{}] },
        policies: { overlap: 'SKIP' },
        state: { paused: false },
      });
    await placeAndWait(platform, 'troubled', { orders: 'prepared', inventory: 'preparing' });
    // Its own limits would take a minute.
    await schedule.update(({ action, ...kept }) => ({
      ...kept,
      action: { ...action, args: [{ failures: 0, longerThan: 0 }] },
    }));
    const needsAttention = async () => {
      await schedule.trigger();
      const { typedSearchAttributes } = await client.workflow.getHandle('order/troubled').describe();
      return typedSearchAttributes.getAll().find(({ key }) => key.name === 'OrderNeedsAttention')?.value;
    };
    await expect.poll(needsAttention, { interval: 500 }).toBe(true);
  } finally {
    worker.kill('SIGTERM');
    await once(worker, 'exit');
  }
}, 300_000);

// The worker bundles its workflows first, which takes most of a minute where two cores have much else to do.
const UNTIL_IT_RUNS = { timeout: 180_000 };
