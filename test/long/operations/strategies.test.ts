import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findAllEvents } from '../../../client/events.ts';
import { mailboxIdOf, signals } from '../../../domain/addresses.ts';
import { DEFAULT_STRATEGY, type Strategy, strategies } from '../../../domain/strategies.ts';
import { receiversOf, subscriptions } from '../../../workers/subscriptions.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { orderOf, placeAndWait, recorded, terminate } from '../../system/operations/support.ts';

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
const whereReserving = (orderId: string, strategy: Strategy) => ({
  workflowId: mailboxIdOf(orderOf(orderId)),
  step: `${strategy === 'message-queue' ? 'ReserveStock' : 'OrderPlaced'} to inventory`,
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
    const { workflowId, step } = whereReserving(orderId, strategy);
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
    expect(await concord.retry(orderId)).toEqual({ orderId, steps: [`${workflowId} ${step}`] });
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
    platform.breakDown('orders');
    platform.repair('inventory');
    await expect.poll(() => recorded(platform, orderId)).toMatchObject({ reserved: 2 });
    const sound = await set(orderId, 'holds', 'none');
    platform.repair('orders');
    const step = `${strategy === 'message-queue' ? 'SellStock' : 'OrderConfirmed'} to inventory`;
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
    // The order service's worker keeps the mailbox, so that what waits in it shows.
    const seen = { ...whereReserving(orderId, strategy), lastError: 'no worker has taken it' };
    await expect
      .poll(() => concord.stuck({ longerThan: 500 }))
      .toMatchObject([{ orderId, problem: 'waiting', attempts: 0, ...seen }]);
    await platform.start('inventory');
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
  });
});

describe('an event that its subscriber fails on', () => {
  test('is what its order says that it waits for, once it is told', async () => {
    const { concord } = platform;
    const { workflow } = concord.client;
    const orderId = 'event-told';
    const { step } = whereReserving(orderId, 'event-driven');
    await concord.restock(orderId, 10);
    const sound = await set(orderId, 'holds', 'none');
    await concord.place(orderOf(orderId, 2), { strategy: 'event-driven', wait: 'accepted' });
    await expect.poll(() => concord.stuck(AT_ONCE)).toMatchObject([{ orderId, problem: 'retrying', step }]);
    const options = { taskQueue: 'orders', workflowId: 'watch', args: [AT_ONCE] };
    await expect
      .poll(() => workflow.execute('watchOrders', options))
      .toEqual({ orderIds: [orderId], skipped: [] });
    const { currentDetails } = await workflow
      .getHandle(`order/${orderId}`)
      .query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(currentDetails).toMatch(new RegExp(`${step}. has failed \\d+ times?[\\s\\S]*damaged`));
    await set(orderId, 'holds', sound);
    await concord.retry(orderId);
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
  });

  test('shows, and can be retried, also when its order has long ended', async () => {
    const { concord } = platform;
    const orderId = 'event-late';
    await concord.restock(orderId, 10);
    await concord.place(orderOf(orderId, 2), { strategy: 'event-driven' });
    const [placed] = await findAllEvents(concord.client).then((all) =>
      all.filter(({ event }) => event.id === `${orderId}/OrderPlaced`),
    );
    platform.breakDown('inventory');
    const { workflowId, step } = whereReserving(orderId, 'event-driven');
    const to = receiversOf(subscriptions, 'OrderPlaced');
    await concord.client.workflow
      .getHandle(workflowId)
      .signal(signals.message, { announcement: placed?.event, to });
    const lastError = 'the database is down';
    await expect
      .poll(() => concord.stuck({ failures: 0, longerThan: 3_600_000 }))
      .toMatchObject([{ orderId, workflowId, problem: 'retrying', step, lastError }]);
    platform.repair('inventory');
    const retried = () => concord.retry(orderId).catch(({ code }) => code);
    expect(await retried()).toEqual({ orderId, steps: [`${workflowId} ${step}`] });
    await expect.poll(retried).toBe('NothingToRetry');
    await expect.poll(() => concord.stuck()).toEqual([]);
    expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
  });
});

describe('a mailbox', () => {
  test('whose messages fail: what waits in it says why, in `stuck` and in `status`', async () => {
    const { concord } = platform;
    const orderId = 'mailbox-down';
    await concord.restock(orderId, 10);
    platform.breakDown('inventory');
    await concord.place(orderOf(orderId, 2), { strategy: 'message-queue', wait: 'accepted' });
    const { workflowId, step } = whereReserving(orderId, 'message-queue');
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
      .toMatchObject([{ orderId, step: 'ReserveStock to inventory' }]);
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
