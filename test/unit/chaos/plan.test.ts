import { describe, expect, test } from 'vitest';
import { strategies } from '../../../domain/strategies.ts';
import { faultKinds, planFaults } from '../../../tools/chaos/fault-plan.ts';
import { planLoad, type StrategyChoice } from '../../../tools/chaos/load-plan.ts';

const MINUTE = 60_000;

describe('a seed', () => {
  test('makes the same orders and the same faults each time', () => {
    expect(planOf('a')).toEqual(planOf('a'));
  });

  test('makes others than another seed', () => {
    expect(planOf('a').load.orders).not.toEqual(planOf('b').load.orders);
    expect(planOf('a').faults).not.toEqual(planOf('b').faults);
  });
});

test('faults leave no gap of more than a few seconds, and every kind comes', () => {
  const { faults, load } = planOf('gaps');
  const times = [0, ...faults.map(({ at }) => at)];
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  // The longest gap, the wait for a burst, and what comes after it.
  expect(Math.max(...gaps)).toBeLessThan(8_000);
  expect(Math.min(...gaps)).toBeGreaterThan(0);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(faultKinds));
  expect(
    faults.filter(({ at }) => load.bursts.some((burst) => at >= burst && at - burst < 1_000)).length,
  ).toBeGreaterThan(faults.length / 2);
});

test('as many orders as asked for, of different ids, for more than there is', () => {
  const { load } = planOf('orders');
  expect(load.orders).toHaveLength(300);
  expect(new Set(load.orders.map(({ order }) => order.orderId)).size).toBe(300);
  const wanted = unitsOf(load.orders.flatMap(({ order }) => order.lines));
  const supplied = unitsOf([...load.initial, ...load.deliveries.map(({ receipt }) => receipt)]);
  for (const [sku, units] of supplied) expect(wanted.get(sku)).toBeGreaterThan(units);
  const oddities = ['cancelAfter', 'duplicateAfter', 'impostorAfter', 'disconnectAfter'] as const;
  for (const oddity of oddities) {
    expect(
      load.orders.some((order) => order[oddity] !== undefined),
      oddity,
    ).toBe(true);
  }
});

describe('the strategy of an order', () => {
  test('is drawn by lot, and a duplicate may ask for another', () => {
    const { orders } = planOf('lots').load;
    expect(new Set(orders.map(({ strategy }) => strategy))).toEqual(new Set(strategies));
    expect(orders.some(({ strategy, duplicateStrategy }) => strategy !== duplicateStrategy)).toBe(true);
  });

  test.each(strategies)('is %s where that is asked for, and nothing else is changed', (strategy) => {
    const { orders } = planOf('lots', strategy).load;
    const mixed = planOf('lots').load.orders;
    expect(orders).toEqual(mixed.map((order) => ({ ...order, strategy, duplicateStrategy: strategy })));
  });
});

function planOf(seed: string, strategy: StrategyChoice = 'mixed') {
  const duration = 3 * MINUTE;
  const load = planLoad({ seed, orders: 300, duration, strategy });
  return { load, faults: planFaults({ seed, duration, bursts: load.bursts }) };
}

function unitsOf(lines: readonly { readonly sku: string; readonly quantity: number }[]): Map<string, number> {
  const units = new Map<string, number>();
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity);
  return units;
}
