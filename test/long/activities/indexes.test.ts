import { afterAll, beforeAll, expect, test } from 'vitest';
import { inventoryIndexes } from '../../../activities/inventory/activities.ts';
import { ensureIndexes } from '../../../activities/mongodb/indexes.ts';
import { orderIndexes } from '../../../activities/orders/activities.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { expectServed, fillOrders, queries } from '../../support/plans.ts';

const ORDERS = 1_000_000;

let testDatabase: TestDatabase;

beforeAll(async () => {
  testDatabase = await openDatabase();
  const { database } = testDatabase;
  const began = performance.now();
  const since = () => `${Math.round((performance.now() - began) / 1_000)} s`;
  await fillOrders(database, ORDERS);
  console.log(`${ORDERS} orders and as many reservations are there after ${since()}`);
  await ensureIndexes(database, orderIndexes);
  await ensureIndexes(database, inventoryIndexes);
  console.log(`all indexes are there after ${since()}`);
  expect(await database.collection('orders').countDocuments()).toBe(ORDERS);
}, 600_000);

afterAll(() => testDatabase[Symbol.asyncDispose](), 120_000);

test.each(Object.keys(queries))('of a million orders, the database serves %s by its index', async (name) => {
  await expectServed(testDatabase.database, name);
});
