import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Coordinators } from '../../activities/coordinator.ts';
import { createReaper } from '../../activities/inventory/reaper.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { collectionsOf, stocked } from '../support/inventory.ts';
import { requestOf, rollbackOf } from '../support/requests.ts';

let testDatabase: TestDatabase;

beforeAll(async () => {
  testDatabase = await openDatabase();
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

test('an order that settles while the reaper asks about it is no orphan', async () => {
  const collections = collectionsOf(testDatabase.database);
  const inventory = await stocked(collections, { SKU: 100 });
  const requests = Array.from({ length: 30 }, (_, index) =>
    requestOf(`order-${index}`, [{ sku: 'SKU', quantity: 1 }]),
  );
  await Promise.all(requests.map((request) => inventory.prepare(request)));
  const settling = requests.filter((_, index) => index % 2 === 0);
  // In this very moment, between the question for its hold and the one for its workflow.
  const coordinators: Coordinators = {
    async findCoordinator(orderId) {
      const request = settling.find(({ order }) => order.orderId === orderId);
      if (request !== undefined) await inventory.rollback(rollbackOf(request));
      return { state: 'closed' };
    },
    isBeingResolved: async () => false,
  };
  const reaper = createReaper({ ...collections, coordinators });
  const orphans = (await reaper.findOrphans(0)).map(({ order }) => order.orderId).sort();
  const left = requests.filter((request) => !settling.includes(request));
  expect(orphans).toEqual(left.map(({ order }) => order.orderId).sort());
});
