import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deliveryIdOf, mailboxIdOf, relayIdOf } from '../../../domain/addresses.ts';
import { DEFAULT_STRATEGY, strategies } from '../../../domain/strategies.ts';
import { wakeSignal } from '../../../workflows/order/messages.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import {
  orderOf,
  placeAndWait,
  prepareByHand,
  recorded,
  terminate,
} from '../../system/operations/support.ts';

// What operators see and do where no workflow asks the inventory itself, but messages and events wait for it.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

// Some tests break it; none may depend on whether another has repaired it.
beforeEach(() => platform.repair('inventory'));

const CONFIRMED = { status: 'confirmed', available: 8, reserved: 0, sold: 2 };
const AT_ONCE = { failures: 0, longerThan: 0 };
const exchanging = strategies.filter((strategy) => strategy !== DEFAULT_STRATEGY);

/** Where an order waits for the inventory to take its first announcement: the workflow, and the step. */
const whereReserving = (orderId: string) => ({
  'message-queue': { workflowId: mailboxIdOf(orderOf(orderId)), step: 'ReserveStock' },
  'event-driven': {
    workflowId: deliveryIdOf({ id: `${orderId}/OrderPlaced` }, 'inventory'),
    step: 'inventory.onOrderPlaced',
  },
  'two-phase': { workflowId: `order/${orderId}`, step: 'inventory.prepare' },
});

/** The id of an order that comes to the same mailbox. */
function neighbourOf(orderId: string): string {
  const names = Array.from({ length: 100 }, (_, index) => `${orderId}-neighbour-${index}`);
  return names.find((name) => mailboxIdOf(orderOf(name)) === mailboxIdOf(orderOf(orderId))) ?? '';
}

describe.each(exchanging)('%s', (strategy) => {
  const id = (name: string) => `${strategy}-${name}`;

  test('a damaged stock document keeps its own orders waiting, shows, and retry skips the wait', async () => {
    const { concord } = platform;
    const orderId = id('damaged');
    await concord.restock(orderId, 10);
    const sound = await set(orderId, 'holds', 'none');
    await concord.place(orderOf(orderId, 2), { strategy, wait: 'accepted' });
    const { workflowId, step } = whereReserving(orderId)[strategy];
    await expect
      .poll(() => concord.stuck({ failures: 3, longerThan: 3_600_000 }), { interval: 200 })
      .toMatchObject([
        {
          ...{ orderId, workflowId, problem: 'retrying', step, attempts: 4 },
          lastError: expect.stringContaining(`the stock document of ${orderId} is damaged`),
        },
      ]);
    const [stuck] = await concord.stuck({ failures: 3 });
    const neighbour = neighbourOf(orderId);
    await concord.restock(neighbour, 1);
    expect(await concord.place(orderOf(neighbour), { strategy })).toMatchObject({ status: 'confirmed' });

    await set(orderId, 'holds', sound);
    const retried = strategy === 'message-queue' ? `${workflowId} ${step}` : step;
    expect(await concord.retry(orderId)).toEqual({ orderId, steps: [retried] });
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
    expect(Date.parse(stuck?.nextAttemptAt ?? '')).toBeGreaterThan(Date.parse(stuck?.since ?? ''));
    expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
    await expect.poll(() => concord.stuck(AT_ONCE)).toEqual([]);
  });

  test('a stock document that is damaged when it is sold: done by itself once it is repaired', async () => {
    const { concord } = platform;
    const orderId = id('damaged-later');
    await concord.restock(orderId, 10);
    platform.breakDown('inventory');
    await placeAndWait(platform, orderId, { orders: 'prepared' }, { strategy });
    // A message is on its way once the order is on record; an event, once it is in the outbox no more.
    const outbox = async () => (await platform.orders.findOne({ _id: orderId }))?.outbox;
    if (strategy === 'event-driven') await expect.poll(outbox).toEqual([]);
    platform.breakDown('orders');
    platform.repair('inventory');
    await expect.poll(() => recorded(platform, orderId)).toMatchObject({ reserved: 2 });
    const sound = await set(orderId, 'holds', 'none');
    platform.repair('orders');
    const step = strategy === 'message-queue' ? 'SellStock' : 'inventory.onOrderConfirmed';
    await expect
      .poll(() => concord.stuck({ failures: 1, longerThan: 3_600_000 }), { interval: 200 })
      .toMatchObject([{ orderId, problem: 'retrying', step }]);
    expect(await concord.status(orderId)).toMatchObject({ status: 'confirmed', phase: 'committing' });
    await set(orderId, 'holds', sound);
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
    expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
  });

  test("an order that waits for the inventory's worker shows, and goes on when it is back", async () => {
    const { concord } = platform;
    const orderId = id('worker-down');
    await concord.restock(orderId, 10);
    await platform.stop('inventory');
    await placeAndWait(platform, orderId, { orders: 'prepared' }, { strategy });
    const seen = {
      // The order service's worker keeps the mailbox, so that what waits in it shows.
      'message-queue': { ...whereReserving(orderId)[strategy], lastError: 'no worker has taken it' },
      'event-driven': { ...whereReserving(orderId)[strategy], step: 'workflow' },
      'two-phase': {},
    }[strategy];
    await expect
      .poll(() => concord.stuck({ longerThan: 500 }))
      .toMatchObject([{ orderId, problem: 'waiting', attempts: 0, ...seen }]);
    await platform.start('inventory');
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
  });
});

describe('a delivery that an operator has terminated', () => {
  test('shows as stopped, and retry makes it', async () => {
    const { concord } = platform;
    const orderId = 'delivery-stopped';
    const { workflowId, step } = await placeAndTerminateDelivery(orderId);
    await expect
      .poll(() => concord.stuck())
      .toMatchObject([{ orderId, workflowId, problem: 'stopped', step, lastError: 'terminated' }]);
    expect(await concord.retry(orderId)).toEqual({ orderId, steps: [step] });
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
    expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
    await expect.poll(() => concord.stuck()).toEqual([]);
  });

  test('is what its order says that it waits for, once it is told', async () => {
    const { concord } = platform;
    const { workflow } = concord.client;
    const orderId = 'delivery-told';
    const { step } = await placeAndTerminateDelivery(orderId);
    await expect.poll(() => concord.stuck(AT_ONCE)).toMatchObject([{ orderId, problem: 'stopped' }]);
    const options = { taskQueue: 'orders', workflowId: 'watch', args: [AT_ONCE] };
    await expect.poll(() => workflow.execute('watchOrders', options)).toEqual([orderId]);
    const { currentDetails } = await workflow
      .getHandle(`order/${orderId}`)
      .query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(currentDetails).toMatch(new RegExp(`${step}. has failed 1 time[\\s\\S]*terminated`));
    await concord.retry(orderId);
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
  });

  test('can be made also when its order has long ended', async () => {
    const { concord } = platform;
    const orderId = 'delivery-late';
    await concord.restock(orderId, 10);
    await concord.place(orderOf(orderId, 2), { strategy: 'event-driven' });
    const { workflowId, step } = whereReserving(orderId)['event-driven'];
    const { memo } = await concord.client.workflow.getHandle(workflowId).describe();
    platform.breakDown('inventory');
    await concord.client.workflow.start('deliverEvent', {
      ...{ workflowId, taskQueue: 'inventory', memo: { event: memo?.event } },
      args: [{ event: memo?.event, subscriber: 'inventory', handler: step }],
    });
    await terminateDelivery(workflowId);
    platform.repair('inventory');
    await expect.poll(() => concord.stuck()).toMatchObject([{ orderId, problem: 'stopped', step }]);
    expect(await concord.retry(orderId)).toEqual({ orderId, steps: [step] });
    await expect.poll(() => concord.stuck()).toEqual([]);
    expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
    // A relay may still be at it for a moment.
    const retried = () => concord.retry(orderId).catch(({ code }) => code);
    await expect.poll(retried).toBe('NothingToRetry');
  });

  /** The inventory is back by then, so that only the delivery is missing. */
  async function placeAndTerminateDelivery(orderId: string) {
    await platform.concord.restock(orderId, 10);
    platform.breakDown('inventory');
    await placeAndWait(platform, orderId, { orders: 'prepared' }, { strategy: 'event-driven' });
    const delivery = whereReserving(orderId)['event-driven'];
    await terminateDelivery(delivery.workflowId);
    platform.repair('inventory');
    return delivery;
  }

  async function terminateDelivery(workflowId: string): Promise<void> {
    const { workflow } = platform.concord.client;
    const status = () => workflow.getHandle(workflowId).describe();
    await expect.poll(() => status().catch(String)).toMatchObject({ status: { name: 'RUNNING' } });
    await workflow.getHandle(workflowId).terminate('given up');
  }
});

test('a relay that was terminated with wakes in it: the next one finds what is unpublished', async () => {
  const { concord } = platform;
  const { workflow } = concord.client;
  const orderId = 'relay-terminated';
  await concord.restock(orderId, 10);
  await concord.restock('relay-next', 1);
  await platform.stop('orders');
  await prepareByHand(platform, orderId, { only: 'orders', strategy: 'event-driven' });
  const relay = workflow.getHandle(relayIdOf('orders'));
  await relay.terminate('given up').catch(() => {}); // there may be none yet
  await workflow.signalWithStart('relay', {
    workflowId: relay.workflowId,
    taskQueue: 'orders',
    args: ['orders'],
    signal: wakeSignal,
    signalArgs: [orderId],
  });
  await relay.terminate('given up');
  await platform.start('orders');
  await concord.place(orderOf('relay-next'), { strategy: 'event-driven' });
  // Nobody coordinates, so it needs no workflow to be confirmed.
  await expect.poll(() => recorded(platform, orderId)).toEqual(CONFIRMED);
});

describe('a mailbox', () => {
  test('whose messages fail: what waits in it says why, in `stuck` and in `status`', async () => {
    const { concord } = platform;
    const orderId = 'mailbox-down';
    await concord.restock(orderId, 10);
    platform.breakDown('inventory');
    await concord.place(orderOf(orderId, 2), { strategy: 'message-queue', wait: 'accepted' });
    const { workflowId, step } = whereReserving(orderId)['message-queue'];
    const lastError = 'the database is down';
    await expect
      .poll(() => concord.stuck({ failures: 0, longerThan: 3_600_000 }))
      .toMatchObject([{ orderId, workflowId, problem: 'retrying', step, lastError }]);
    await expect
      .poll(() => concord.status(orderId))
      .toMatchObject({ retrying: [{ step: `${workflowId} ${step}`, lastError }] });
    platform.repair('inventory');
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
  });

  test('keeps the message of an order whose workflow was terminated, and retry tries it', async () => {
    const { concord } = platform;
    const orderId = 'mailbox-orphan';
    await concord.restock(orderId, 10);
    const sound = await set(orderId, 'holds', 'none');
    await concord.place(orderOf(orderId, 2), { strategy: 'message-queue', wait: 'accepted' });
    await expect
      .poll(() => concord.stuck({ failures: 2, longerThan: 3_600_000 }), { interval: 200 })
      .toMatchObject([{ orderId, step: 'ReserveStock' }]);
    await terminate(platform, orderId);
    await set(orderId, 'holds', sound);
    await concord.retry(orderId);
    await expect.poll(() => recorded(platform, orderId)).toMatchObject({ status: 'pending', reserved: 2 });
    expect(await concord.resolve(orderId, { as: 'confirmed' })).toMatchObject({ status: 'confirmed' });
    expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
  });
});

/** Overwrites a field of a stock document, and returns what it was. */
async function set(sku: string, field: string, value: unknown): Promise<unknown> {
  const stock = platform.databases.inventory.collection<{ _id: string; [field: string]: unknown }>('stock');
  const before = await stock.findOneAndUpdate({ _id: sku }, { $set: { [field]: value } });
  return before?.[field];
}
