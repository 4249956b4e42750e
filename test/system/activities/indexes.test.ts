import { type Db, MongoServerError } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inventoryIndexes } from '../../../activities/inventory/activities.ts';
import { ensureIndexes } from '../../../activities/mongodb/indexes.ts';
import { orderIndexes } from '../../../activities/orders/activities.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { expectServed, fillOrders, queries } from '../../support/plans.ts';

let testDatabase: TestDatabase;

beforeAll(async () => {
  testDatabase = await openDatabase();
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

test('several workers create the indexes at once and again, also of collections that are there already', async () => {
  const { database } = testDatabase;
  await fillOrders(database, 5_000);
  const create = () =>
    Promise.all([ensureIndexes(database, orderIndexes), ensureIndexes(database, inventoryIndexes)]);
  await Promise.all([create(), create(), create()]);
  await create();
  const names = async (collection: string) =>
    (await database.collection(collection).indexes()).map(({ name }) => name).sort();
  const outbox = 'outbox.0_1';
  expect(await names('reservations')).toEqual(['_id_', outbox]);
  expect(await names('orders')).toEqual([
    '_id_',
    'createdAt_-1__id_1',
    'customerId_1_createdAt_-1__id_1',
    outbox,
    'status_1_createdAt_-1__id_1',
    'strategy_1_createdAt_-1__id_1',
  ]);
});

test.each(Object.keys(queries))('the database serves %s by its index', async (name) => {
  await fillOrders(testDatabase.database, 5_000);
  await ensureIndexes(testDatabase.database, orderIndexes);
  await ensureIndexes(testDatabase.database, inventoryIndexes);
  await expectServed(testDatabase.database, name);
});

test('an index that can’t be created is named, and keeps none of the others away', async () => {
  const created: unknown[] = [];
  const refused = new MongoServerError({ code: 13, message: 'not authorized' });
  const database = {
    collection: () => ({
      createIndex: async (key: object) => {
        if ('customerId' in key) throw refused;
        created.push(key);
      },
    }),
  } as unknown as Db;
  await expect(ensureIndexes(database, orderIndexes)).rejects.toMatchObject({
    message: 'no index of orders by customerId, createdAt, _id',
    cause: refused,
  });
  expect(created).toHaveLength(4);
});
