import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Order } from '../../../domain/order.ts';
import { closedLoop, type Load, openLoop, type Placing } from '../../../tools/measure/load-generator.ts';

const orders: readonly Order[] = Array.from({ length: 12 }, (_, index) => ({
  orderId: `order-${index}`,
  customerId: 'customer',
  lines: [{ sku: 'SKU', quantity: 1 }],
}));

const SERVICE = 40;

/** Serves one customer after the other, each in the same time. */
function oneCounter(): Placing & { readonly most: () => number } {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  let most = 0;
  const serve = async () => {
    waiting += 1;
    most = Math.max(most, waiting);
    last = last.then(() => delay(SERVICE));
    await last;
    waiting -= 1;
    return 'confirmed' as const;
  };
  return {
    untilFinal: serve,
    async withDecision(_, decided) {
      const status = await serve();
      decided();
      return status;
    },
    most: () => most,
  };
}

test('a closed loop has so many customers at a time, and asks for the decision only where it is to', async () => {
  const counter = oneCounter();
  const times = timesOf(await closedLoop(counter, orders, { atOnce: 3, asks: false }));
  expect(counter.most()).toBe(3);
  expect(times.final).toHaveLength(orders.length);
  expect(times.decided).toEqual([]);
  const asked = timesOf(await closedLoop(oneCounter(), orders, { atOnce: 3, asks: true }));
  expect(asked.decided).toHaveLength(orders.length);
});

test('in an open loop, who comes while others wait has waited from when they were due', async () => {
  // Four come in the time in which one is served: the last one waits for nearly all before it.
  const { final } = timesOf(await openLoop(oneCounter(), orders, (4 * 1_000) / SERVICE));
  const waits = SERVICE * orders.length - (SERVICE / 4) * (orders.length - 1);
  expect(final.at(-1)).toBeGreaterThanOrEqual(waits - SERVICE);
  expect(final.at(-1)).toBeGreaterThan(3 * (final[0] ?? Number.NaN));
});

function timesOf({ placed }: Load) {
  return {
    decided: placed.flatMap(({ decided }) => decided ?? []),
    final: placed.map(({ final }) => final),
  };
}
