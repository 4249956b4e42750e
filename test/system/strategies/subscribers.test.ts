import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OrderDocument } from '../../../activities/orders/participant.ts';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import type { AnnouncementType } from '../../../domain/announcements.ts';
import { type Subscription, subscriptions } from '../../../workers/subscriptions.ts';
import { lackingQuery, tryNowSignal, waitingQuery } from '../../../workflows/order/messages.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

// What a further subscriber may count on, and what others may count on while it fails.

const life = ['OrderPlaced', 'StockReserved', 'OrderConfirmed', 'StockSold'] as const;
const refused = ['StockRejected', 'OrderRejected', 'OrderCancelled', 'StockReleased'] as const;

/** Takes every event, and fails for these orders. */
const witness = { seen: [] as string[], tried: [] as string[], failsFor: new Set<string>() };

const row: Subscription = {
  subscriber: 'witness',
  host: 'inventory',
  takes: [...life, ...refused],
  createHandler: () => async (event) => {
    witness.tried.push(event.id);
    if (witness.failsFor.has(event.subject)) throw new Error('it has no time');
    witness.seen.push(event.id);
  },
};

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform(undefined, [...subscriptions, row]);
  await platform.concord.restock('SKU', 100);
});

afterAll(() => platform[Symbol.asyncDispose]());

const orderNamed = (orderId: string, quantity = 1) => ({
  ...{ orderId, customerId: 'c', lines: [{ sku: 'SKU', quantity }] },
});
const place = (orderId: string, quantity?: number) =>
  platform.concord.place(orderNamed(orderId, quantity), { strategy: 'event-driven', wait: 'final' });
const idsOf = (orderId: string, types: readonly AnnouncementType[] = life) =>
  types.map((type) => `${orderId}/${type}`);
const seenOf = (orderId: string) => witness.seen.filter((id) => id.startsWith(`${orderId}/`));
const mailbox = () => platform.concord.client.workflow.getHandle(mailboxIdOf(orderNamed('any')));

test('it gets every event of an order, in order, and once', async () => {
  expect(await place('whole')).toMatchObject({ status: 'confirmed' });
  expect(await place('too-much', 1_000)).toMatchObject({ status: 'rejected' });
  await expect.poll(() => seenOf('whole')).toEqual(idsOf('whole'));
  const told = ['OrderPlaced', 'StockRejected', 'OrderRejected', 'StockReleased'] as const;
  await expect.poll(() => seenOf('too-much')).toEqual(idsOf('too-much', told));
});

test('while it fails, it keeps nobody waiting: not its own order elsewhere, nor other orders, nor others of its own', async () => {
  witness.failsFor.add('failing');
  expect(await place('failing')).toMatchObject({ status: 'confirmed' });
  expect(await place('beside')).toMatchObject({ status: 'confirmed' });
  await expect.poll(() => seenOf('beside')).toEqual(idsOf('beside'));
  await expect
    .poll(() => witness.tried.filter((id) => id === 'failing/OrderPlaced').length)
    .toBeGreaterThan(1);
  expect(new Set(witness.tried.filter((id) => id.startsWith('failing/')))).toEqual(
    new Set(['failing/OrderPlaced']),
  );
  const waiting = life.map((type) => ({ receiver: 'witness', orderId: 'failing', type }));
  await expect.poll(() => mailbox().query(waitingQuery)).toMatchObject(waiting);
  const [first] = await mailbox().query(waitingQuery);
  expect(first).toMatchObject({ type: 'OrderPlaced', lastError: 'it has no time' });
  witness.failsFor.delete('failing');
  await mailbox().signal(tryNowSignal, 'failing');
  await expect.poll(() => seenOf('failing')).toEqual(idsOf('failing'));
});

test('what waited for it in a mailbox that was ended by hand is published again, each from its outbox', async () => {
  const { databases, concord } = platform;
  witness.failsFor.add('lost');
  expect(await place('lost')).toMatchObject({ status: 'confirmed' });
  await expect
    .poll(() => mailbox().query(waitingQuery))
    .toMatchObject(life.map((type) => ({ receiver: 'witness', type })));
  const typesIn = async (database: 'orders' | 'inventory', collection: string) => {
    const documents = databases[database].collection<OrderDocument>(collection);
    const { outbox = [] } = (await documents.findOne({ _id: 'lost' })) ?? {};
    return { documents, outbox, types: outbox.map(({ type }) => type) };
  };
  expect((await typesIn('orders', 'orders')).types).toEqual(['OrderPlaced', 'OrderConfirmed']);
  expect((await typesIn('inventory', 'reservations')).types).toEqual(['StockReserved', 'StockSold']);

  const sweep = async () => {
    const { workflow } = concord.client;
    const results = await Promise.all([
      workflow.execute('watchOrders', { taskQueue: 'orders', workflowId: 'watch', args: [{}] }),
      workflow.execute('reapHolds', { taskQueue: 'inventory', workflowId: 'reap', args: [900_000] }),
    ]);
    for (const { skipped } of results) expect(skipped).toEqual([]);
  };
  for (const [database, collection] of [
    ['orders', 'orders'],
    ['inventory', 'reservations'],
  ] as const) {
    const { documents, outbox } = await typesIn(database, collection);
    const time = new Date(Date.now() - 121_000).toISOString();
    await documents.updateOne(
      { _id: 'lost' },
      { $set: { outbox: outbox.map((each) => ({ ...each, time })) } },
    );
  }
  const signalsOf = async () => {
    const { events } = await mailbox().fetchHistory();
    return events?.filter(({ workflowExecutionSignaledEventAttributes: signal }) => signal).length;
  };
  const before = await signalsOf();
  await sweep();
  expect(await signalsOf(), 'what a mailbox keeps is not published again').toBe(before);
  await mailbox().terminate();
  witness.failsFor.delete('lost');
  await sweep();
  // What follows from an event follows once more.
  await expect.poll(() => [...new Set(seenOf('lost'))].sort()).toEqual(idsOf('lost').sort());
  // What follows once more may be done after this, and would wait for half a minute.
  const typesNow = async (...where: Parameters<typeof typesIn>) => {
    await mailbox().signal(tryNowSignal, 'lost');
    return (await typesIn(...where)).types;
  };
  await expect.poll(() => typesNow('orders', 'orders')).toEqual([]);
  await expect.poll(() => typesNow('inventory', 'reservations')).toEqual([]);
  await expect.poll(() => mailbox().query(lackingQuery, idsOf('lost'))).toEqual(idsOf('lost'));
});
