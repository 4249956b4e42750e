import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../activities/orders/activities.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import type { placeOrder } from '../../workflows/orders.ts';
import { startTimeSkippingServer } from '../support/time-skipping.ts';

// A test of the order's workflow to copy: activities are plain functions, there is no database, and Temporal's test server
// skips the time that the workflow waits.

let environment: TestWorkflowEnvironment;
let workers: Worker[];
let ended: Promise<unknown>;

/** What the services were asked to do, in order. */
let calls: string[];
/** What a service does beside that, in a test of its own. */
let orders: { prepare?: () => Promise<void>; decide?: () => void };
let inventory: { prepare?: () => Promise<void>; commit?: () => Promise<void> };

beforeEach(() => {
  calls = [];
  orders = {};
  inventory = {};
});

const orderActivities: Pick<OrderActivities, 'orders.prepare' | 'orders.decide'> = {
  async 'orders.prepare'() {
    calls.push('orders.prepare');
    await orders.prepare?.();
  },
  async 'orders.decide'({ order: { orderId }, ...decision }) {
    calls.push('orders.decide');
    orders.decide?.();
    const reason = decision.status === 'confirmed' ? {} : { reason: decision.reason };
    return { orderId, status: decision.status, ...reason };
  },
};

const inventoryActivities: Pick<
  InventoryActivities,
  'inventory.prepare' | 'inventory.commit' | 'inventory.rollback'
> = {
  async 'inventory.prepare'() {
    calls.push('inventory.prepare');
    await inventory.prepare?.();
  },
  async 'inventory.commit'() {
    await inventory.commit?.();
    calls.push('inventory.commit');
  },
  async 'inventory.rollback'() {
    calls.push('inventory.rollback');
  },
};

beforeAll(async () => {
  // Elsewhere: TestWorkflowEnvironment.createTimeSkipping(), which downloads the server.
  environment = await startTimeSkippingServer();
  const connection = environment.nativeConnection;
  // Once for all tests: they share the services, and say what these do.
  workers = await Promise.all([
    Worker.create({
      connection,
      taskQueue: 'orders',
      workflowBundle: { codePath: inject('workflowBundles').orders },
      activities: orderActivities,
    }),
    Worker.create({ connection, taskQueue: 'inventory', activities: inventoryActivities }),
  ]);
  ended = Promise.all(workers.map((worker) => worker.run()));
});

afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await ended;
  await environment.teardown();
});

/** Places an order, and skips the time until its workflow has ended. */
function place(orderId: string, prepareBudget = 10 * 60_000): Promise<OrderOutcome> {
  const order = { orderId, customerId: 'customer', lines: [{ sku: 'A', quantity: 2 }] };
  return environment.client.workflow.execute<typeof placeOrder>('placeOrder', {
    taskQueue: 'orders',
    workflowId: `order/${orderId}`,
    args: [{ order, prepareBudget }],
  });
}

test('both services vote yes: the order is confirmed, and the stock is sold', async () => {
  expect(await place('confirmed')).toMatchObject({ status: 'confirmed' });
  // The votes are asked for at once.
  expect(calls.slice(0, 2).sort()).toEqual(['inventory.prepare', 'orders.prepare']);
  expect(calls.slice(2)).toEqual(['orders.decide', 'inventory.commit']);
});

test('the inventory votes no: the order is rejected, and the hold is released', async () => {
  // One no is enough, so the other vote is not waited for. Had it just come, the test server (1.38.0) would hang: it can't
  // cancel an activity that completes while a workflow task runs.
  const decided = new Promise<void>((resolve) => {
    orders.decide = resolve;
  });
  orders.prepare = () => decided;
  inventory.prepare = async () => {
    throw ApplicationFailure.nonRetryable('A is out of stock', 'OutOfStock');
  };
  expect(await place('rejected')).toMatchObject({
    status: 'rejected',
    reason: { code: 'OutOfStock', message: 'A is out of stock' },
  });
  expect(calls.slice(-2)).toEqual(['orders.decide', 'inventory.rollback']);
});

test('the inventory is down for three hours: the order is confirmed when it is back', async () => {
  const begun = await environment.currentTimeMs();
  inventory.prepare = async () => {
    if ((await environment.currentTimeMs()) < begun + 3 * HOUR) throw new Error('the database is down');
  };
  expect(await place('back', 4 * HOUR)).toMatchObject({ status: 'confirmed' });
  expect((await environment.currentTimeMs()) - begun).toBeGreaterThan(3 * HOUR);
});

test('the inventory is down for longer than the prepare budget: the order is rejected', async () => {
  inventory.prepare = () => Promise.reject(new Error('the database is down'));
  expect(await place('too-late', 4 * HOUR)).toMatchObject({
    status: 'rejected',
    reason: { code: 'PrepareTimedOut', details: { lastError: 'the database is down' } },
  });
});

test('the inventory can be told only two days after the decision: it is told until it has heard', async () => {
  const begun = await environment.currentTimeMs();
  inventory.commit = async () => {
    if ((await environment.currentTimeMs()) < begun + 48 * HOUR) throw new Error('the database is down');
  };
  expect(await place('two-days')).toMatchObject({ status: 'confirmed' });
  expect((await environment.currentTimeMs()) - begun).toBeGreaterThan(48 * HOUR);
});

const HOUR = 3_600_000;
