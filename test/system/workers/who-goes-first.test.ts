import { beforeAll, expect, test } from 'vitest';
import { type Begun, holdWorkers, placeOrders } from '../../support/held-workers.ts';
import { startPlatform } from '../../support/platform.ts';

// Who goes first where more waits than workers can take: first come twenty who only look, then a customer with 60 orders,
// then one with five. The same with 500: test/long/load/fairness.test.ts

let begun: readonly Begun[];

beforeAll(async () => {
  await using platform = await startPlatform();
  const { concord } = platform;
  await concord.restock('TEA', 65);
  await using held = await holdWorkers(platform);
  const prepared = () => held.begun.filter(({ step }) => step === 'orders.prepare').length;
  // Nobody waits for ever for an answer, so who gets none in time asks again.
  const look = async () => {
    while (prepared() < 65) await concord.list().catch(() => {});
  };
  const looking = Array.from({ length: 20 }, look);
  await held.untilWaiting(15);
  await placeOrders(platform, 'hoarder', 60);
  await placeOrders(platform, 'alice', 5);
  await held.untilWaiting(75);
  held.release();
  await Promise.all(looking);
  await expect
    .poll(() => held.begun.filter(({ step }) => step === 'orders.decide').length)
    .toBeGreaterThanOrEqual(65);
  begun = [...held.begun];
});

test('five orders are decided among the first, though another customer has placed 60 ahead of them', () => {
  const decided = begun.filter(({ step }) => step === 'orders.decide');
  expect(decided.findLastIndex(({ of }) => of.startsWith('order/alice'))).toBeLessThan(30);
});

test('orders that are begun are decided before others begin', () => {
  const decided = begun.flatMap(({ step }, index) => (step === 'orders.decide' ? [index] : []));
  const before = begun.slice(0, decided[9]);
  expect(before.filter(({ step }) => step === 'orders.prepare').length).toBeLessThan(40);
});

test('who only looks is answered when no order waits to begin', () => {
  const last = begun.findLastIndex(({ step }) => step === 'orders.prepare');
  expect(begun.slice(0, last).filter(({ step }) => step === 'orders.listOrders').length).toBeLessThan(10);
});
