import { expect, test } from 'vitest';
import type { FinalStatus } from '../../domain/order.ts';
import { type Decision, resolutionOf, type Standing } from '../../domain/resolution.ts';

type Case = [orders: Standing, inventory: Standing, decided: FinalStatus | undefined, allowed: FinalStatus[]];

const CONFIRMED: FinalStatus[] = ['confirmed'];
const REFUSED: FinalStatus[] = ['rejected', 'cancelled'];
const ALL: FinalStatus[] = ['confirmed', 'rejected', 'cancelled'];

test.each<Case>([
  // Nobody was promised anything.
  ['prepared', 'prepared', undefined, ALL],
  ['prepared', 'preparing', undefined, REFUSED],
  ['prepared', 'unknown', undefined, REFUSED],
  ['unknown', 'prepared', undefined, REFUSED],
  ['unknown', 'unknown', undefined, REFUSED],
  // Somebody has settled it.
  ['prepared', 'confirmed', undefined, CONFIRMED],
  ['confirmed', 'prepared', undefined, CONFIRMED],
  ['confirmed', 'confirmed', undefined, CONFIRMED],
  ['prepared', 'rolled-back', undefined, REFUSED],
  ['rejected', 'prepared', undefined, ['rejected']],
  ['cancelled', 'prepared', undefined, ['cancelled']],
  ['cancelled', 'rolled-back', undefined, ['cancelled']],
  // Its workflow had decided, and somebody may know.
  ['prepared', 'prepared', 'confirmed', CONFIRMED],
  ['prepared', 'prepared', 'rejected', ['rejected']],
  ['prepared', 'prepared', 'cancelled', ['cancelled']],
  // Torn: nothing that could be said would be true.
  ['confirmed', 'rolled-back', undefined, []],
  ['confirmed', 'preparing', undefined, []],
  ['rejected', 'confirmed', undefined, []],
  ['prepared', 'preparing', 'confirmed', []],
])('orders %s, inventory %s, decided %s: may end as %j', (orders, inventory, decided, allowed) => {
  const decision: Decision | undefined = decided && { status: decided };
  const permitted = ALL.filter((as) => {
    try {
      return resolutionOf('id', { as }, { orders, inventory }, decision).status === as;
    } catch {
      return false;
    }
  });
  expect(permitted).toEqual(allowed);
  const unasked = () => resolutionOf('id', {}, { orders, inventory }, decision).status;
  if (allowed.length === 0) expect(unasked).toThrow(/can't be resolved/);
  else expect(unasked()).toBe(allowed.length === 3 ? 'rejected' : allowed[0]);
});

test('a refused order keeps the reason that its workflow had given', () => {
  const reason = { code: 'OutOfStock', message: 'A is out of stock' };
  const standings = { orders: 'prepared', inventory: 'prepared' } as const;
  expect(
    resolutionOf('id', { as: 'rejected', reason: 'mine' }, standings, { status: 'rejected', reason }),
  ).toMatchObject({ reason });
  expect(resolutionOf('id', { as: 'rejected', reason: 'mine' }, standings, undefined)).toMatchObject({
    reason: { message: 'mine' },
  });
});
