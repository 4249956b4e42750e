import type { WorkflowHandle } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deliveryIdOf, mailboxIdOf } from '../../domain/addresses.ts';
import type { OrderProgress } from '../../domain/place-order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import { statusQuery } from '../../workflows/messages.ts';
import type { placeOrder } from '../../workflows/orders.ts';
import { checkedStock, stocked } from '../support/inventory.ts';
import { startTimeSkipping, type TimeSkipping } from '../support/time-skipping.ts';
import { orderOf } from './support.ts';

// An operator ends what carries an order's message or event: the order says it again after a while, which the test server
// skips.

let time: TimeSkipping;

beforeEach(async () => {
  time = await startTimeSkipping();
});

afterEach(() => time[Symbol.asyncDispose]());

/** What carries what an order has told, and what it tells first and last. */
const carriers = [
  ['message-queue', 'ReserveStock', (orderId: string) => mailboxIdOf(orderOf(orderId))],
  ['message-queue', 'SellStock', (orderId: string) => mailboxIdOf(orderOf(orderId))],
  ['event-driven', 'OrderPlaced', (orderId: string) => deliveryOf(orderId, 'OrderPlaced')],
  ['event-driven', 'OrderConfirmed', (orderId: string) => deliveryOf(orderId, 'OrderConfirmed')],
] as const;

const deliveryOf = (orderId: string, type: string) => deliveryIdOf({ id: `${orderId}/${type}` }, 'inventory');

describe.each(carriers)('%s', (strategy, type, carrierOf) => {
  test(`a ${type} that is lost is said again, and the order ends`, async () => {
    const { environment, workers } = time;
    const orderId = type;
    await workers.start('orders');
    await workers.start('inventory');
    // Its workflows go on: one that is ended before anybody has taken it would keep the test server from skipping time.
    workers.breakDown('inventory');
    const handle = await place(orderId, strategy);
    await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
    if (type === 'SellStock' || type === 'OrderConfirmed') await holdStock(handle);
    const carrier = environment.client.workflow.getHandle(carrierOf(orderId));
    await expect.poll(() => carrier.describe().catch(String)).toMatchObject({ status: { name: 'RUNNING' } });
    await endWhileItWaits(carrier);
    workers.repair('inventory');
    expect(await handle.result()).toMatchObject({ status: 'confirmed' });
    const order = await workers.orders.findOne({ _id: orderId });
    expect(order).toMatchObject({ status: 'confirmed', outbox: [] });
    expect(await checkedStock(workers.inventory)).toMatchObject([{ available: 8, reserved: 0, sold: 2 }]);
    const { events } = await handle.fetchHistory();
    const activities = events?.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
    expect(activities).toContain('orders.announce');
  });
});

function place(orderId: string, strategy: Strategy) {
  return stocked(time.workers.inventory, { [orderId]: 10 }).then(() =>
    time.environment.client.workflow.start<typeof placeOrder>('placeOrder', {
      taskQueue: 'orders',
      workflowId: `order/${orderId}`,
      args: [{ order: orderOf(orderId, 2), strategy }],
    }),
  );
}

/**
 * Ends it between two attempts: what is ended in the middle of one would stop the test server's clock. That server calls an
 * activity started while it waits to be tried again, so the times tell: from the third attempt on, that takes 2 seconds.
 */
async function endWhileItWaits(carrier: WorkflowHandle): Promise<void> {
  const { environment } = time;
  const isBetween = async () => {
    await environment.sleep('1 second');
    const { pendingActivities } = (await carrier.describe()).raw;
    const [pending] = pendingActivities ?? [];
    const startedAt = optionalTsToMs(pending?.lastStartedTime) ?? Number.NaN;
    const since = (await environment.currentTimeMs()) - startedAt;
    return (pending?.attempt ?? 0) > 3 && since > 500 && since < 1_800;
  };
  await expect.poll(isBetween).toBe(true);
  await carrier.terminate('given up');
}

type Handle = WorkflowHandle<typeof placeOrder>;

async function until(handle: Handle, expected: Partial<OrderProgress>): Promise<void> {
  await expect.poll(() => handle.query(statusQuery), { timeout: 20_000 }).toMatchObject(expected);
}

/** Lets the inventory hold the stock, and breaks it before it can hear of the decision. */
async function holdStock(handle: Handle): Promise<void> {
  const { workers } = time;
  const orderId = handle.workflowId.slice('order/'.length);
  const outbox = async () => (await workers.orders.findOne({ _id: orderId }))?.outbox;
  await expect.poll(outbox).toEqual([]);
  workers.breakDown('orders');
  workers.repair('inventory');
  const reservation = () => workers.inventory.reservations.findOne({ _id: orderId });
  await soon(reservation).toMatchObject({ prepared: true, outbox: [] });
  workers.breakDown('inventory');
  workers.repair('orders');
  const order = () => workers.orders.findOne({ _id: orderId });
  await soon(order).toMatchObject({ status: 'confirmed', outbox: [] });
}

/** Skips waits between attempts, but not the wait after which an order says again what it has told. */
function soon(look: () => Promise<unknown>) {
  return expect.poll(async () => {
    await time.environment.sleep('2 seconds');
    return look();
  });
}
