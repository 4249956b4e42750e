import type { MongoClient } from 'mongodb';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createOutboxes } from '../../../activities/exchange/outbox.ts';
import type { Post } from '../../../activities/exchange/post.ts';
import { createInventoryService } from '../../../activities/inventory/announcing.ts';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import { createOrderService } from '../../../activities/orders/announcing.ts';
import { createOrders } from '../../../activities/orders/participant.ts';
import type { Line } from '../../../domain/order.ts';
import type { Strategy } from '../../../domain/strategies.ts';
import {
  type CommandCounts,
  countCommands,
  withCommandMonitoring,
} from '../../../tools/measure/command-counts.ts';
import { receiversOf, subscriptions } from '../../../workers/subscriptions.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { checkedStock, collectionsOf, shelve, wholeInventory } from '../../support/inventory.ts';
import { requestOf } from '../../support/requests.ts';

// What a confirmed order costs of the database. A hot SKU must not make it cost more, and nothing is read that is known.

const ORDERS = 50;

let testDatabase: TestDatabase;
let client: MongoClient;

beforeAll(async () => {
  testDatabase = await openDatabase();
  client = createMongoClient(withCommandMonitoring(inject('mongodbUri')), 'concord-test');
});

afterAll(async () => {
  await client.close();
  await testDatabase[Symbol.asyncDispose]();
});

// Without `monitorCommands` nothing would be counted, so no row is empty. What is taken out of the outboxes, many at once,
// is a command for a hundred announcements.
test.each([
  { strategy: 'two-phase', lines: 1, writes: 7 },
  { strategy: 'two-phase', lines: 3, writes: 11 },
  { strategy: 'message-queue', lines: 1, writes: 7 },
  { strategy: 'message-queue', lines: 3, writes: 11 },
  { strategy: 'event-driven', lines: 1, writes: 7 },
  { strategy: 'event-driven', lines: 3, writes: 11 },
] as const)(
  `${ORDERS} orders of $lines lines at once, $strategy: $writes writes each, and no read`,
  async ({ strategy, lines, writes }) => {
    const order = Array.from({ length: lines }, (_, index) => ({
      sku: `${strategy}-${lines}-${index}`,
      quantity: 2,
    }));
    const inventory = collectionsOf(testDatabase.database);
    await shelve(inventory, Object.fromEntries(order.map(({ sku }) => [sku, 2 * ORDERS])));
    const confirming = { 'two-phase': 0, 'message-queue': 1, 'event-driven': 2 }[strategy];
    expect(await countsOf(strategy, order)).toEqual({ writes: writes * ORDERS + confirming, reads: 0 });
    const sold = (await checkedStock(inventory)).filter(({ _id }) => _id.startsWith(`${strategy}-${lines}-`));
    expect(sold).toMatchObject(order.map(() => ({ available: 0, sold: 2 * ORDERS })));
    for (const name of ['orders', 'reservations']) {
      const left = testDatabase.database.collection(name).countDocuments({ 'outbox.0': { $exists: true } });
      expect(await left, `in the outboxes of ${name}`).toBe(0);
    }
  },
);

/** Places orders of these lines, as a coordinator would or as the services do it by messages or events. */
async function countsOf(strategy: Strategy, lines: readonly Line[]): Promise<CommandCounts> {
  const database = client.db(testDatabase.database.databaseName);
  const counts = countCommands(client);
  const { orders, inventory, confirmAll } = participantsOf(database);
  await Promise.all(
    Array.from({ length: ORDERS }, async (_, index) => {
      const request = requestOf(`${strategy}-${lines.length}-${index}`, lines, 'run', strategy);
      await orders.prepare(request);
      if (strategy === 'two-phase') await inventory.prepare(request);
      // By events, the order service has decided by now.
      if (strategy !== 'event-driven') await orders.decide({ ...request, status: 'confirmed' });
      if (strategy === 'two-phase') await inventory.commit(request);
    }),
  );
  await confirmAll();
  return counts();
}

/** The services, with a post that hands each announcement to its receivers at once, as a mailbox does. */
function participantsOf(database: ReturnType<MongoClient['db']>) {
  const stock = wholeInventory(collectionsOf(database));
  const ids = { '/concord/orders': [] as string[], '/concord/inventory': [] as string[] };
  const post: Post = {
    async publish(announcement) {
      ids[announcement.source].push(announcement.id);
      for (const { name } of receiversOf(subscriptions, announcement.type)) {
        const { unhandled, published } = await receivers[name as 'orders' | 'inventory'].handle([
          announcement,
        ]);
        expect(unhandled).toEqual([]);
        for (const envelope of published) await post.publish(envelope.announcement);
      }
    },
    addressed: (announcement) => ({ announcement, to: [] }),
    reply: async () => {},
    tell: async () => {},
    lacking: unexpected,
  };
  const dependencies = { post, report: unexpected };
  const outboxesOf = (name: string) => createOutboxes(database.collection(name), dependencies);
  const outboxes = { orders: outboxesOf('orders'), inventory: outboxesOf('reservations') };
  const orders = createOrderService(createOrders(database.collection('orders')), {
    ...{ outboxes: outboxes.orders, post },
  });
  const inventory = createInventoryService(stock, { outboxes: outboxes.inventory, post });
  const receivers = { orders, inventory };
  const confirmAll = async () => {
    const { '/concord/orders': ofOrders, '/concord/inventory': ofInventory } = ids;
    if (ofOrders.length > 0) await outboxes.orders.confirmPublished(ofOrders);
    if (ofInventory.length > 0) await outboxes.inventory.confirmPublished(ofInventory);
  };
  return { orders, inventory: stock, confirmAll };
}

function unexpected(): never {
  throw new Error('nothing is left behind, and nothing is damaged');
}
