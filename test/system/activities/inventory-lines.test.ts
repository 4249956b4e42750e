import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { InventoryCollections } from '../../../activities/inventory/documents.ts';
import type { Line } from '../../../domain/order.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { checkedStock, collectionsOf, stocked, wholeInventory } from '../../support/inventory.ts';
import { answerOf, requestOf, rollbackOf } from '../../support/requests.ts';

// Which lines of an order wait for one another.

let testDatabase: TestDatabase;
let collections: InventoryCollections;

beforeAll(async () => {
  testDatabase = await openDatabase();
  collections = collectionsOf(testDatabase.database);
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const collection of Object.values(collections)) await collection.deleteMany({});
});

const lines: readonly Line[] = ['A', 'B', 'C'].map((sku) => ({ sku, quantity: 1 }));

test('of many orders for the last units of some SKUs, one gets them, and they never refuse one another', async () => {
  for (let round = 1; round <= 10; round += 1) {
    const units = lines.map(({ sku }) => [`${sku}${round}`, 1]);
    const inventory = await stocked(collections, Object.fromEntries(units));
    const wanted = lines.map(({ sku, quantity }) => ({ sku: `${sku}${round}`, quantity }));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        answerOf(inventory.prepare(requestOf(`order-${round}-${index}`, wanted))),
      ),
    );
    expect(answers.filter((answer) => answer === 'ok')).toEqual(['ok']);
  }
  await checkedStock(collections);
});

test.each(['commit', 'rollback'] as const)('a %s settles an order’s lines at the same time', async (step) => {
  const inventory = await stocked(collections, { A: 1, B: 1, C: 1 });
  const request = requestOf('order', lines);
  await inventory.prepare(request);
  const all = createGate();
  let writing = 0;
  const stock = beforeEachWrite(async () => {
    writing += 1;
    if (writing === lines.length) all.open();
    await all.opened; // one after another, the first would wait for ever
  });
  const settling = wholeInventory({ ...collections, stock });
  await (step === 'commit' ? settling.commit(request) : settling.rollback(rollbackOf(request)));
  const expected = step === 'commit' ? { sold: 1, available: 0 } : { sold: 0, available: 1 };
  expect(await checkedStock(collections)).toMatchObject(lines.map(() => ({ ...expected, reserved: 0 })));
});

test('a line that can’t be settled now keeps no other one from it, and the next attempt settles it', async () => {
  const inventory = await stocked(collections, { A: 1, B: 1, C: 1 });
  const request = requestOf('order', lines);
  await inventory.prepare(request);
  let failures = 1;
  const stock = beforeEachWrite(async () => {
    if (failures-- > 0) throw new Error('the connection broke');
  });
  await expect(wholeInventory({ ...collections, stock }).commit(request)).rejects.toThrow('connection broke');
  expect(await checkedStock(collections)).toMatchObject([{ sold: 0 }, { sold: 1 }, { sold: 1 }]);
  await inventory.commit(request);
  expect(await checkedStock(collections)).toMatchObject([{ sold: 1 }, { sold: 1 }, { sold: 1 }]);
});

function beforeEachWrite(wait: () => Promise<void>): InventoryCollections['stock'] {
  return new Proxy(collections.stock, {
    get(stock, name) {
      const value: unknown = Reflect.get(stock, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (name === 'updateOne') await wait();
        return Reflect.apply(value, stock, args);
      };
    },
  });
}
