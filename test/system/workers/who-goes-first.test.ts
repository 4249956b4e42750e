import { beforeAll, expect, test, vi } from 'vitest';
import type { Concord } from '../../../client/concord.ts';
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
  await using _crowd = startCrowd(concord, 20);
  await held.untilWaiting(15);
  await placeOrders(platform, 'hoarder', 60);
  await placeOrders(platform, 'alice', 5);
  await held.untilWaiting(75);
  held.release();
  await vi.waitFor(
    () => expect(stepsOf(held.begun, 'orders.decide').length).toBeGreaterThanOrEqual(65),
    60_000,
  );
  begun = [...held.begun];
});

test('five orders do not wait for another customer who has placed 60 ahead of them', () => {
  const decided = stepsOf(begun, 'orders.decide');
  expect(decided.findLastIndex(({ of }) => of.startsWith('order/alice'))).toBeLessThan(45);
});

test('orders that are begun are decided before others begin', () => {
  const tenth = stepsOf(begun, 'orders.decide').at(9);
  expect(stepsOf(before(tenth), 'orders.prepare').length).toBeLessThan(40);
});

// Not all: the server looks for what goes first in what it has read so far.
test('who only looks is answered when most orders have begun, though all of them came later', () => {
  const tenth = stepsOf(begun, 'orders.listOrders').at(9);
  expect(stepsOf(before(tenth), 'orders.prepare').length).toBeGreaterThan(44);
});

const stepsOf = (steps: readonly Begun[], wanted: string) => steps.filter(({ step }) => step === wanted);
const before = (one: Begun | undefined) => begun.slice(0, one && begun.indexOf(one));

/** So many who look at the list of orders all the time. */
function startCrowd(concord: Concord, size: number): AsyncDisposable {
  let isOver = false;
  // Nobody waits for ever for an answer, so who gets none in time asks again.
  const look = async () => {
    while (!isOver) await concord.list().catch(() => {});
  };
  const looking = Array.from({ length: size }, look);
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all(looking);
    },
  };
}
