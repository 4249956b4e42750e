import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../activities/orders/activities.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import type { placeOrder } from '../../workflows/orders.ts';
import { startTimeSkippingServer } from '../support/time-skipping.ts';

// A test of the order's workflow to copy: activities are plain functions, there is no database, and Temporal's test server
// skips the time that the workflow waits.

let environment: TestWorkflowEnvironment;

beforeAll(async () => {
  // Elsewhere: TestWorkflowEnvironment.createTimeSkipping(), which downloads the server.
  environment = await startTimeSkippingServer();
});

afterAll(() => environment.teardown());

test('both services vote yes: the order is confirmed, and the stock is sold', async () => {
  const services = plainServices();
  expect(await place('confirmed', services)).toMatchObject({ status: 'confirmed' });
  // The votes are asked for at once.
  expect(services.calls.slice(0, 2).sort()).toEqual(['inventory.prepare', 'orders.prepare']);
  expect(services.calls.slice(2)).toEqual(['orders.decide', 'inventory.commit']);
});

test('the inventory votes no: the order is rejected, and the hold is released', async () => {
  const services = plainServices({
    async prepare() {
      throw ApplicationFailure.nonRetryable('A is out of stock', 'OutOfStock');
    },
  });
  expect(await place('rejected', services)).toMatchObject({
    status: 'rejected',
    reason: { code: 'OutOfStock', message: 'A is out of stock' },
  });
  expect(services.calls.slice(-2)).toEqual(['orders.decide', 'inventory.rollback']);
});

test('the inventory is down for three hours: the order is confirmed when it is back', async () => {
  const begun = await environment.currentTimeMs();
  const services = plainServices({
    async prepare() {
      if ((await environment.currentTimeMs()) < begun + 3 * HOUR) throw new Error('the database is down');
    },
  });
  expect(await place('back', services, 4 * HOUR)).toMatchObject({ status: 'confirmed' });
  expect((await environment.currentTimeMs()) - begun).toBeGreaterThan(3 * HOUR);
});

test('the inventory is down for longer than the prepare budget: the order is rejected', async () => {
  const services = plainServices({ prepare: () => Promise.reject(new Error('the database is down')) });
  expect(await place('too-late', services, 4 * HOUR)).toMatchObject({
    status: 'rejected',
    reason: { code: 'PrepareTimedOut', details: { lastError: 'the database is down' } },
  });
});

test('the inventory can be told only two days after the decision: it is told until it has heard', async () => {
  const begun = await environment.currentTimeMs();
  const services = plainServices({
    async commit() {
      if ((await environment.currentTimeMs()) < begun + 48 * HOUR) throw new Error('the database is down');
    },
  });
  expect(await place('two-days', services)).toMatchObject({ status: 'confirmed' });
  expect((await environment.currentTimeMs()) - begun).toBeGreaterThan(48 * HOUR);
});

const HOUR = 3_600_000;

/** Both services in memory, and what they were asked to do, in order. */
function plainServices(inventory: { prepare?: () => Promise<void>; commit?: () => Promise<void> } = {}) {
  const calls: string[] = [];
  const orders: Pick<OrderActivities, 'orders.prepare' | 'orders.decide'> = {
    async 'orders.prepare'() {
      calls.push('orders.prepare');
    },
    async 'orders.decide'({ order: { orderId }, ...decision }) {
      calls.push('orders.decide');
      const reason = decision.status === 'confirmed' ? {} : { reason: decision.reason };
      return { orderId, status: decision.status, ...reason };
    },
  };
  const stock: Pick<InventoryActivities, 'inventory.prepare' | 'inventory.commit' | 'inventory.rollback'> = {
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
  return { calls, orders, inventory: stock };
}

/** Places an order, and skips the time until its workflow has ended. */
async function place(
  orderId: string,
  services: ReturnType<typeof plainServices>,
  prepareBudget = 10 * 60_000,
): Promise<OrderOutcome> {
  const { client, nativeConnection: connection } = environment;
  const orders = await Worker.create({
    connection,
    taskQueue: 'orders',
    workflowBundle: { codePath: inject('workflowBundles').orders },
    activities: services.orders,
  });
  const inventory = await Worker.create({
    connection,
    taskQueue: 'inventory',
    activities: services.inventory,
  });
  const order = { orderId, customerId: 'customer', lines: [{ sku: 'A', quantity: 2 }] };
  return inventory.runUntil(
    orders.runUntil(
      client.workflow.execute<typeof placeOrder>('placeOrder', {
        taskQueue: 'orders',
        workflowId: `order/${orderId}`,
        args: [{ order, prepareBudget }],
      }),
    ),
  );
}
