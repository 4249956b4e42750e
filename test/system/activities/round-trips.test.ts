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

// Without `monitorCommands` nothing would be counted, so no row is empty.
test.each([
  { strategy: 'two-phase', lines: 1, writes: 7 },
  { strategy: 'two-phase', lines: 3, writes: 11 },
  { strategy: 'message-queue', lines: 1, writes: 8 },
  { strategy: 'message-queue', lines: 3, writes: 12 },
] as const)(
  `${ORDERS} orders of $lines lines at once, $strategy: $writes writes each, and no read`,
  async ({ strategy, lines, writes }) => {
    const order = Array.from({ length: lines }, (_, index) => ({
      sku: `${strategy}-${lines}-${index}`,
      quantity: 2,
    }));
    const inventory = collectionsOf(testDatabase.database);
    await shelve(inventory, Object.fromEntries(order.map(({ sku }) => [sku, 2 * ORDERS])));
    expect(await countsOf(strategy, order)).toEqual({ writes: writes * ORDERS, reads: 0 });
    const sold = (await checkedStock(inventory)).filter(({ _id }) => _id.startsWith(`${strategy}-${lines}-`));
    expect(sold).toMatchObject(order.map(() => ({ available: 0, sold: 2 * ORDERS })));
  },
);

/** Places orders of these lines, as a coordinator would or as the services do it by messages. */
async function countsOf(strategy: Strategy, lines: readonly Line[]): Promise<CommandCounts> {
  const database = client.db(testDatabase.database.databaseName);
  const counts = countCommands(client);
  const { orders, inventory } = participantsOf(database);
  await Promise.all(
    Array.from({ length: ORDERS }, async (_, index) => {
      const request = requestOf(`${strategy}-${lines.length}-${index}`, lines, 'run', strategy);
      await orders.prepare(request);
      if (strategy === 'two-phase') await inventory.prepare(request);
      await orders.decide({ ...request, status: 'confirmed' });
      if (strategy === 'two-phase') await inventory.commit(request);
    }),
  );
  return counts();
}

/** The services, with a post that hands each message to the inventory at once. */
function participantsOf(database: ReturnType<MongoClient['db']>) {
  const stock = wholeInventory(collectionsOf(database));
  const post: Post = {
    async send(message) {
      if (message.source === '/concord/orders') expect(await service.handleMessages([message])).toEqual([]);
    },
    publish: unexpected,
    wake: unexpected,
    tell: unexpected,
  };
  const service = createInventoryService(stock, {
    post,
    outboxes: createOutboxes('inventory', database.collection('reservations'), post),
  });
  const outboxes = createOutboxes('orders', database.collection('orders'), post);
  const orders = createOrderService(createOrders(database.collection('orders')), { outboxes, post });
  return { orders, inventory: stock };
}

async function unexpected(): Promise<never> {
  throw new Error('no order of these is told of by events');
}
