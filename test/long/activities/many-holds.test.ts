import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReaper } from '../../../activities/inventory/reaper.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { collectionsOf } from '../../support/inventory.ts';

let testDatabase: TestDatabase;

beforeAll(async () => {
  testDatabase = await openDatabase();
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

test('a sweep finds the oldest orphans, where hot SKUs are held by more orders than one command can name', async () => {
  const { stock, reservations } = collectionsOf(testDatabase.database);
  const [skus, held] = [8, 20_000];
  const now = Date.now();
  for (let sku = 0; sku < skus; sku += 1) {
    const orderIds = Array.from({ length: held }, (_, index) => `${sku}-${index}-`.padEnd(100, 'x'));
    const holds = orderIds.map((orderId) => ({ orderId, quantity: 1, attempt: 1 }));
    const counts = { available: 0, reserved: held, sold: 0, received: held };
    await stock.insertOne({ _id: `HOT-${sku}`, ...counts, holds, settled: [] });
    const documents = orderIds.map((_id, index) => ({
      ...{ _id, coordinatorId: 'run', customerId: 'customer', lines: [{ sku: `HOT-${sku}`, quantity: 1 }] },
      ...{
        attempts: 1,
        ended: 1,
        prepared: true,
        heldBy: [1],
        decision: null,
        strategy: 'two-phase' as const,
      },
      // The last of each SKU are the oldest.
      openedAt: new Date(now - 3_600_000 - index * 1_000),
    }));
    await reservations.insertMany(documents, { ordered: false });
  }
  const reaper = createReaper({
    stock,
    reservations,
    coordinators: {
      findCoordinator: async () => ({ state: 'closed' }),
      isBeingResolved: async () => false,
    },
    settleDecided: async () => {},
  });
  const found = await reaper.findOrphans(60_000);
  expect(found).toHaveLength(100);
  const indexes = found.map((one) => ('order' in one ? Number(one.order.orderId.split('-')[1]) : Number.NaN));
  expect(Math.min(...indexes)).toBeGreaterThanOrEqual(held - 50);
}, 120_000);
