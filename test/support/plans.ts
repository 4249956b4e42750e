import type { Db, Document } from 'mongodb';
import { expect, inject } from 'vitest';
import { createOutboxes } from '../../activities/exchange/outbox.ts';
import type { Post } from '../../activities/exchange/post.ts';
import { createMongoClient } from '../../activities/mongodb/client.ts';
import { createOrders } from '../../activities/orders/participant.ts';
import type { OrderFilter } from '../../domain/order-record.ts';
import { withCommandMonitoring } from '../../tools/measure/command-counts.ts';

// How the database serves what the services ask: their own code asks, and the database explains what it was asked.

interface Query {
  readonly index: string;
  ask(database: Db): Promise<unknown>;
  /** FerretDB sorts all orders by itself, whatever indexes there are. */
  readonly isSortedByMongoDBAlone?: true;
}

const list = (filter: OrderFilter) => (database: Db) =>
  createOrders(database.collection('orders')).listOrders(filter);
const post = { lacking: async () => [] } as unknown as Post;
const findFull = (collection: string) => (database: Db) =>
  createOutboxes(database.collection(collection), { post, report: () => {} }).publishLeftBehind();

export const queries: Readonly<Record<string, Query>> = {
  'the newest orders': { index: 'createdAt_-1__id_1', ask: list({}), isSortedByMongoDBAlone: true },
  'a further page of orders': { index: 'createdAt_-1__id_1', ask: list({ after: idOf(1_000) }) },
  'orders of a customer': { index: 'customerId_1_createdAt_-1__id_1', ask: list({ customerId: 'c7' }) },
  'a further page of orders of a customer': {
    index: 'customerId_1_createdAt_-1__id_1',
    ask: list({ customerId: 'c7', after: idOf(1_000) }),
  },
  'orders of a status': { index: 'status_1_createdAt_-1__id_1', ask: list({ status: 'pending' }) },
  'orders of a strategy': {
    index: 'strategy_1_createdAt_-1__id_1',
    ask: list({ strategy: 'message-queue' }),
  },
  'full outboxes of orders': { index: 'outbox.0_1', ask: findFull('orders') },
  'full outboxes of the inventory': { index: 'outbox.0_1', ask: findFull('reservations') },
};

/** Puts orders and reservations there, unless they are; one in 100 is pending, one in 1000 has something to tell. */
export async function fillOrders(database: Db, count: number): Promise<void> {
  const collections = ['orders', 'reservations'].map((name) =>
    database.collection<Document & { _id: string }>(name),
  );
  if ((await collections[0]?.countDocuments()) === count) return;
  for (let next = 0; next < count; next += CHUNK) {
    const documents = Array.from({ length: Math.min(CHUNK, count - next) }, (_, offset) =>
      orderAt(next + offset),
    );
    for (const collection of collections) await collection.insertMany(documents, { ordered: false });
  }
}

const CHUNK = 5_000;

function idOf(index: number): string {
  return `order-${String(index).padStart(8, '0')}`;
}

function orderAt(index: number) {
  const isRare = index % 100 === 0;
  return {
    ...{ _id: idOf(index), coordinatorId: 'run', customerId: `c${Math.floor(index / 10) % 1_000}` },
    lines: [{ sku: 'SKU', quantity: 1 }],
    ...{ status: isRare ? 'pending' : 'confirmed', strategy: isRare ? 'message-queue' : 'two-phase' },
    // Three orders of each moment.
    createdAt: new Date(1.7e12 + Math.floor(index / 3)),
    updatedAt: new Date(1.7e12),
    ...(index % 1_000 === 0 ? { outbox: [{ id: 'announcement' }] } : isRare ? { outbox: [] } : {}),
  };
}

/** Asks, and expects that the database serves the question by its index. */
export async function expectServed(database: Db, name: string): Promise<void> {
  const { ask, index, isSortedByMongoDBAlone } = queries[name] as Query;
  const { command, milliseconds } = await asked(database.databaseName, ask);
  const explained = await database.command({ explain: command, verbosity: 'queryPlanner' });
  const { winningPlan } = (explained.queryPlanner ?? {}) as { winningPlan?: Document };
  const used = valuesOf(winningPlan ?? explained, [winningPlan ? 'indexName' : 'Index Name']);
  console.log(`${name}: ${milliseconds} ms, by ${[...new Set(used)].join(', ') || 'no index'}`);
  if (winningPlan === undefined) {
    if (!isSortedByMongoDBAlone) expect(used).toContain(index);
    return;
  }
  const stages = valuesOf(winningPlan, ['stage']);
  expect(used).toContain(index);
  expect(stages).toContain('IXSCAN');
  expect(stages).not.toContain('COLLSCAN');
  expect(stages, 'the index has the order of the list').not.toContain('SORT');
}

/** The first search of a collection that asking brings about, as the database was asked for it. */
async function asked(databaseName: string, ask: Query['ask']) {
  const client = createMongoClient(withCommandMonitoring(inject('mongodbUri')), 'concord-test');
  const found: Document[] = [];
  client.on('commandStarted', ({ command }) => {
    // Those by `_id` alone need no other index.
    if ('find' in command && Object.keys(command.filter).join() !== '_id') found.push(command);
  });
  const began = performance.now();
  await ask(client.db(databaseName));
  const milliseconds = Math.round(performance.now() - began);
  await client.close();
  const { find, filter, sort, limit, projection } = found[0] ?? {};
  const given = Object.entries({ find, filter, sort, limit, projection }).filter(
    ([, value]) => value !== undefined,
  );
  return { command: Object.fromEntries(given), milliseconds };
}

/** All values of these names, at any depth. */
function valuesOf(value: unknown, names: readonly string[]): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    names.includes(name) ? [inner] : valuesOf(inner, names),
  );
}
