import type { Document } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Coordinators } from '../../../activities/coordinator.ts';
import type { LateHold } from '../../../activities/dependencies.ts';
import { createInventory } from '../../../activities/inventory/participant.ts';
import { createReaper, type ReaperDependencies } from '../../../activities/inventory/reaper.ts';
import { ConcordError } from '../../../domain/errors.ts';
import type { Orphan } from '../../../domain/resolution.ts';
import type { Skipped } from '../../../domain/sweeps.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { checkedStock, collectionsOf, stocked } from '../../support/inventory.ts';
import { requestOf, rollbackOf } from '../../support/requests.ts';

let testDatabase: TestDatabase;

beforeAll(async () => {
  testDatabase = await openDatabase();
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const collection of await testDatabase.database.collections()) await collection.deleteMany({});
});

const GONE: Coordinators = {
  findCoordinator: async () => ({ state: 'closed' }),
  isBeingResolved: async () => false,
};

/** The ids of the orphans, sorted. */
function namesOf(found: readonly (Orphan | Skipped)[]): string[] {
  return found.flatMap((one) => ('order' in one ? [one.order.orderId] : [])).sort();
}

function skippedOf(found: readonly (Orphan | Skipped)[]): Record<string, string> {
  return Object.fromEntries(found.flatMap((one) => ('problem' in one ? [[one.orderId, one.problem]] : [])));
}

/** Three orders that hold a unit of SKU each, the one in the middle to be damaged; and a reaper of them. */
async function threeOrphans(dependencies: Partial<ReaperDependencies> = {}) {
  const collections = collectionsOf(testDatabase.database);
  const inventory = await stocked(collections, { SKU: 100, OTHER: 100 });
  for (const orderId of ['first', 'damaged', 'last'])
    await inventory.prepare(requestOf(orderId, [{ sku: 'SKU', quantity: 1 }]));
  return {
    reaper: createReaper({
      ...collections,
      coordinators: GONE,
      settleDecided: async () => {},
      ...dependencies,
    }),
    reservations: testDatabase.database.collection<Document & { _id: string }>('reservations'),
    stock: testDatabase.database.collection<{ _id: string; holds: unknown }>('stock'),
  };
}

test.each(['commit', 'rollback'] as const)(
  'a hold that lands long after the %s goes back in the next sweep, and is no orphan',
  async (decision) => {
    const collections = collectionsOf(testDatabase.database);
    await stocked(collections, { SKU: 10 });
    const late: LateHold[] = [];
    const inventory = createInventory(collections, undefined, (hold) => late.push(hold));
    const request = requestOf('order', [{ sku: 'SKU', quantity: 2 }]);
    await inventory.prepare(request);
    await (decision === 'commit' ? inventory.commit(request) : inventory.rollback(rollbackOf(request)));
    await collections.stock.updateOne(
      { _id: 'SKU' },
      {
        $inc: { available: -2, reserved: 2 },
        $push: { holds: { orderId: 'order', quantity: 2, attempt: 9 } },
      },
    );
    const { settleDecided } = inventory;
    const coordinators: Coordinators = { ...GONE, findCoordinator: async () => ({ state: 'running' }) };
    const reaper = createReaper({ ...collections, coordinators, settleDecided });
    // As long as those who decided may still be at work, they are left to it.
    expect(await reaper.findOrphans(0)).toEqual([]);
    expect((await checkedStock(collections))[0]).toMatchObject({ reserved: 2 });
    const decidedAt = new Date(Date.now() - 3_600_000);
    await collections.reservations.updateOne({ _id: 'order' }, { $set: { decidedAt } });
    expect(await reaper.findOrphans(0)).toEqual([]);
    const sold = decision === 'commit' ? 2 : 0;
    expect((await checkedStock(collections))[0]).toMatchObject({ available: 10 - sold, reserved: 0, sold });
    expect(late).toHaveLength(decision === 'commit' ? 1 : 0);
  },
);

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
  const reaper = createReaper({ ...collections, coordinators, settleDecided: async () => {} });
  const orphans = namesOf(await reaper.findOrphans(0));
  const left = requests.filter((request) => !settling.includes(request));
  expect(orphans).toEqual(left.map(({ order }) => order.orderId).sort());
});

describe('is reported and left alone, and keeps none of the others:', () => {
  const line = { sku: 'SKU', quantity: 1 };
  test.each<[string, Document, RegExp]>([
    ['no lines', { $unset: { lines: 1 } }, /^its reservation is damaged: lines: /],
    ['lines that are no list', { $set: { lines: 'SKU' } }, /lines: /],
    ['no line', { $set: { lines: [] } }, /lines: /],
    ['a line that is nothing', { $set: { lines: [null] } }, /lines\[0\]: /],
    [
      'a quantity that is no number',
      { $set: { lines: [{ ...line, quantity: '1' }] } },
      /lines\[0\]\.quantity/,
    ],
    [
      'another quantity than it holds',
      { $set: { lines: [{ ...line, quantity: 2 }] } },
      /holds of SKU \(1\) is not/,
    ],
    [
      'other lines than it holds',
      { $set: { lines: [{ ...line, sku: 'OTHER' }] } },
      /holds of SKU \(1\) is not/,
    ],
    ['a SKU twice', { $set: { lines: [line, line] } }, /not one for each SKU/],
    ['no customer', { $unset: { customerId: 1 } }, /customerId: /],
    ['a customer that is an operator', { $set: { customerId: ['$ne'] } }, /customerId: /],
    ['a strategy that is none', { $set: { strategy: 'hope' } }, /strategy: /],
    ['no time', { $unset: { openedAt: 1 } }, /openedAt is no time in the past/],
    ['a time that is text', { $set: { openedAt: '2026-01-01' } }, /openedAt is no time in the past/],
    ['a time far ahead', { $set: { openedAt: new Date('2999-01-01') } }, /openedAt is no time in the past/],
  ])('a reservation with %s', async (_, damage, problem) => {
    const { reaper, reservations } = await threeOrphans();
    await reservations.updateOne({ _id: 'damaged' }, damage);
    const found = await reaper.findOrphans(0);
    expect(namesOf(found)).toEqual(['first', 'last']);
    expect(skippedOf(found)).toEqual({ damaged: expect.stringMatching(problem) });
  });

  test('a hold of an order that has no reservation', async () => {
    const { reaper, reservations } = await threeOrphans();
    await reservations.deleteOne({ _id: 'damaged' });
    const found = await reaper.findOrphans(0);
    expect(namesOf(found)).toEqual(['first', 'last']);
    expect(skippedOf(found)).toEqual({ damaged: 'it holds stock, and has no reservation' });
  });

  test('a hold that is there twice', async () => {
    const { reaper, stock } = await threeOrphans();
    const { holds } = (await stock.findOne({ _id: 'SKU' })) ?? {};
    const twice = [...(holds as unknown[]), { orderId: 'damaged', quantity: 1 }];
    await stock.updateOne({ _id: 'SKU' }, { $set: { holds: twice } });
    const found = await reaper.findOrphans(0);
    expect(namesOf(found)).toEqual(['first', 'last']);
    expect(skippedOf(found)).toEqual({ damaged: expect.stringContaining('is not what it has ordered') });
  });

  test.each([null, 5, 'damaged', [], {}, { orderId: null }, { orderId: { ne: 1 } }, { orderId: /./ }])(
    'a hold that names no order: %j',
    async (hold) => {
      const { reaper, stock } = await threeOrphans();
      const { holds } = (await stock.findOne({ _id: 'SKU' })) ?? {};
      await stock.updateOne({ _id: 'SKU' }, { $set: { holds: [hold, ...(holds as unknown[])] } });
      const found = await reaper.findOrphans(0);
      expect(namesOf(found)).toEqual(['damaged', 'first', 'last']);
      expect(skippedOf(found)).toEqual({ 'stock/SKU': expect.stringMatching(/^1 holds name no order: /) });
    },
  );

  test.each([undefined, null, 'none', 5, {}, { '0': { orderId: 'first' } }])(
    'a stock document whose holds are %j',
    async (holds) => {
      const { reaper, stock } = await threeOrphans();
      await stock.updateOne(
        { _id: 'OTHER' },
        holds === undefined ? { $unset: { holds: 1 } } : { $set: { holds } },
      );
      const found = await reaper.findOrphans(0);
      expect(namesOf(found)).toEqual(['damaged', 'first', 'last']);
      expect(skippedOf(found)).toEqual({ 'stock/OTHER': 'holds is no list' });
    },
  );

  const question = async (orderId: string, answer: () => Promise<never>) =>
    orderId === 'damaged' ? answer() : ({ state: 'closed' } as const);
  test.each<[string, () => Promise<never>, string | RegExp]>([
    ['can’t be read', () => Promise.reject(new ConcordError('UnknownKey', { keyId: 'old' })), /the key old/],
    [
      'fails to be described',
      () => Promise.reject(new Error('shard status unknown')),
      'shard status unknown',
    ],
    ['makes the code stumble', () => Promise.reject(new TypeError('x is undefined')), 'x is undefined'],
    ['hangs', () => new Promise<never>(() => {}), 'no answer in 1000 ms'],
  ])('an order whose workflow %s', async (_, answer, problem) => {
    const coordinators = { ...GONE, findCoordinator: (orderId: string) => question(orderId, answer) };
    const { reaper } = await threeOrphans({ coordinators, limits: { question: 1_000, all: 30_000 } });
    const found = await reaper.findOrphans(0);
    expect(namesOf(found)).toEqual(['first', 'last']);
    expect(skippedOf(found)).toEqual({ damaged: expect.stringMatching(problem) });
  });
});

test('a search that has no time left hands in what it has found, and says what it has not looked at', async () => {
  const hanging = { ...GONE, findCoordinator: () => new Promise<never>(() => {}) };
  const { reaper } = await threeOrphans({ coordinators: hanging, limits: { question: 10_000, all: 0 } });
  const skipped = skippedOf(await reaper.findOrphans(0));
  expect(Object.keys(skipped).sort()).toEqual(['damaged', 'first', 'last']);
  expect(new Set(Object.values(skipped))).toEqual(new Set(['the sweep had no time left for it']));
});

test('however many are damaged, each is reported, and an orphan is found', async () => {
  const reported: Skipped[] = [];
  const { reaper, stock } = await threeOrphans({ report: (skipped) => reported.push(skipped) });
  const holds = Array.from({ length: 150 }, (_, index) => ({ orderId: `nobody-${index}`, quantity: 1 }));
  await stock.updateOne({ _id: 'OTHER' }, { $set: { holds } });
  const found = await reaper.findOrphans(0);
  expect(namesOf(found)).toEqual(['damaged', 'first', 'last']);
  expect(Object.keys(skippedOf(found)), 'what one payload can carry').toHaveLength(100);
  expect(reported).toHaveLength(150);
});

test('holds are shown as looked at only once all have been', async () => {
  const observed: unknown[] = [];
  const { reservations } = collectionsOf(testDatabase.database);
  const { reaper } = await threeOrphans({ reservations, observeHolds: (...seen) => observed.push(seen) });
  const find = reservations.find.bind(reservations);
  const down = () => {
    throw new Error('the database is down');
  };
  vi.spyOn(reservations, 'find').mockImplementationOnce(find).mockImplementationOnce(down);
  await expect(reaper.findOrphans(0)).rejects.toThrow('the database is down');
  expect(observed).toEqual([]);
  await reaper.findOrphans(0);
  expect(observed).toHaveLength(1);
});
