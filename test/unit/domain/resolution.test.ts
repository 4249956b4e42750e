import { expect, test } from 'vitest';
import type { FinalStatus } from '../../../domain/order.ts';
import { type RecordedStatus, resolutionOf } from '../../../domain/resolution.ts';

type Case = [orders: RecordedStatus, inventory: RecordedStatus, allowed: FinalStatus[]];

const CONFIRMED: FinalStatus[] = ['confirmed'];
const REFUSED: FinalStatus[] = ['rejected', 'cancelled'];
const ALL: FinalStatus[] = ['confirmed', 'rejected', 'cancelled'];

test.each<Case>([
  // Nobody was promised anything.
  ['prepared', 'prepared', ALL],
  ['prepared', 'preparing', REFUSED],
  ['prepared', 'unknown', REFUSED],
  ['unknown', 'prepared', REFUSED],
  ['unknown', 'unknown', REFUSED],
  // Somebody has settled it.
  ['prepared', 'confirmed', CONFIRMED],
  ['confirmed', 'prepared', CONFIRMED],
  ['confirmed', 'confirmed', CONFIRMED],
  ['prepared', 'rolled-back', REFUSED],
  ['rejected', 'prepared', ['rejected']],
  ['cancelled', 'prepared', ['cancelled']],
  ['cancelled', 'rolled-back', ['cancelled']],
  // Torn: nothing that could be said would be true.
  ['confirmed', 'rolled-back', []],
  ['confirmed', 'preparing', []],
  ['rejected', 'confirmed', []],
])('orders %s, inventory %s: may end as %j', (orders, inventory, allowed) => {
  const permitted = ALL.filter((as) => {
    try {
      return resolutionOf('id', { as }, { orders, inventory }).status === as;
    } catch {
      return false;
    }
  });
  expect(permitted).toEqual(allowed);
  const unasked = () => resolutionOf('id', {}, { orders, inventory }).status;
  if (allowed.length === 0) expect(unasked).toThrow(/can't be resolved/);
  else expect(unasked()).toBe(allowed.length === 3 ? 'rejected' : allowed[0]);
});

test('an order that is refused says why: in the words of who asks, or that it was given up', () => {
  const statuses = { orders: 'prepared', inventory: 'prepared' } as const;
  expect(resolutionOf('id', { as: 'rejected', reason: 'mine' }, statuses)).toMatchObject({
    reason: { message: 'mine' },
  });
  expect(resolutionOf('id', {}, statuses)).toMatchObject({ reason: { code: 'Abandoned' } });
});
