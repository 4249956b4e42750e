import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Line } from '../../../domain/order.ts';
import { type Strategy, strategies } from '../../../domain/strategies.ts';
import { checkedStock } from '../../support/inventory.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

let platform: Platform;
let sequences = 0;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

type Deed = { readonly delivery: Line } | { readonly order: readonly Line[] };

const skus = ['A', 'B', 'C'];
const line = fc.record({ sku: fc.constantFrom(...skus), quantity: fc.integer({ min: 1, max: 4 }) });
const deeds: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ order: fc.array(line, { minLength: 1, maxLength: 3 }) }) },
  // Now and then a SKU that nobody has delivered.
  { weight: 1, arbitrary: fc.record({ order: fc.constant([{ sku: 'NONE', quantity: 1 }]) }) },
  { weight: 1, arbitrary: fc.record({ delivery: line }) },
);

test('the same orders, one by one, end the same and leave the same stock, whatever the strategy', {
  timeout: 240_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deeds, { minLength: 5, maxLength: 10 }), async (sequence) => {
      sequences += 1;
      const name = `sequence-${sequences}`;
      const [first, ...others] = await Promise.all(
        strategies.map((strategy) => perform(name, strategy, sequence)),
      );
      for (const other of others) expect(other).toEqual(first);
    }),
    { numRuns: 4 },
  );
});

/** Does one after the other, on SKUs of its own, and returns what came of each order and what is left. */
async function perform(name: string, strategy: Strategy, sequence: readonly Deed[]) {
  const { concord } = platform;
  const own = ({ sku, quantity }: Line) => ({ sku: `${name}-${strategy}-${sku}`, quantity });
  for (const sku of skus) await concord.restock(own({ sku, quantity: 5 }).sku, 5);
  const outcomes: string[] = [];
  for (const [index, deed] of sequence.entries()) {
    if ('delivery' in deed) {
      const { sku, quantity } = own(deed.delivery);
      await concord.restock(sku, quantity);
    } else {
      const order = {
        orderId: `${name}-${strategy}-${index}`,
        customerId: 'customer',
        lines: deed.order.map(own),
      };
      const { status, reason } = await concord.place(order, { strategy });
      outcomes.push(`${status} ${reason?.code ?? ''}`);
    }
  }
  return { outcomes, stock: await stockOf(`${name}-${strategy}-`) };
}

async function stockOf(prefix: string) {
  const own = (await checkedStock(platform.inventory)).filter(({ _id }) => _id.startsWith(prefix));
  return own.map(({ _id, available, reserved, sold, received, holds }) => ({
    ...{ sku: _id.slice(prefix.length), available, reserved, sold, received, holds: holds.length },
  }));
}
