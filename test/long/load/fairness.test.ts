import { expect, test } from 'vitest';
import { type Begun, holdWorkers, placeOrders } from '../../support/held-workers.ts';
import { startPlatform } from '../../support/platform.ts';

test('five orders are decided long before 500 that another customer has placed ahead of them', {
  timeout: 300_000,
}, async () => {
  await using platform = await startPlatform();
  await platform.concord.restock('TEA', 505);
  await using held = await holdWorkers(platform);
  await placeOrders(platform, 'hoarder', 500);
  await placeOrders(platform, 'alice', 5);
  await held.untilWaiting(495);
  held.release();

  const decided = () => held.begun.filter(({ step }) => step === 'orders.decide');
  const isOfAlice = ({ of }: Begun) => of.startsWith('order/alice');
  await expect.poll(() => decided().filter(isOfAlice).length, { timeout: 180_000 }).toBe(5);
  expect(decided().findLastIndex(isOfAlice)).toBeLessThan(50);
});
