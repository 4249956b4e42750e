import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOrders } from '../../../activities/orders/participant.ts';
import type { FinalStatus, OrderOutcome } from '../../../domain/order.ts';
import { type Strategy, strategies } from '../../../domain/strategies.ts';
import type { resolveOrder } from '../../../workflows/orders.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { confirmedOf } from '../../support/requests.ts';
import { FaultInjector } from '../faults/fault-injection.ts';
import { startStruckWorkers } from '../faults/struck-workers.ts';
import {
  orderOf,
  prepareByHand,
  publishOutboxes,
  recorded,
  requestByHand,
  terminate,
  untilQuiet,
} from './support.ts';

// Whatever the strategy, and however far an order had come when its workflow was terminated, it is settled as a whole;
// and what it had still to say changes nothing when it is heard after all.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

const CONFIRMED = { status: 'confirmed', available: 8, reserved: 0, sold: 2 };
const RELEASED = { available: 10, reserved: 0, sold: 0 };

type Stage = 'on record' | 'stock held' | 'decided';

/** An order whose workflow ended at this stage, and whose announcements have not gone out. */
async function endedAt(stage: Stage, orderId: string, strategy: Strategy): Promise<void> {
  const { concord, orders } = platform;
  await concord.restock(orderId, 10);
  const { coordinatorId } = await placedByNobody(orderId, strategy);
  await createOrders(orders).prepare(requestByHand(orderId, coordinatorId, strategy));
  if (stage !== 'on record')
    await prepareByHand(platform, orderId, { coordinatorId, strategy, only: 'inventory' });
  if (stage === 'decided') {
    await createOrders(orders).decide(confirmedOf(requestByHand(orderId, coordinatorId, strategy)));
  }
  await terminate(platform, orderId);
}

/** The order's own workflow, where no worker takes it. */
async function placedByNobody(orderId: string, strategy: Strategy): Promise<{ coordinatorId: string }> {
  const { firstExecutionRunId } = await platform.concord.client.workflow.start('placeOrder', {
    taskQueue: 'nobody',
    workflowId: `order/${orderId}`,
    args: [{ order: orderOf(orderId, 2), strategy }],
  });
  return { coordinatorId: firstExecutionRunId };
}

describe.each(strategies)('%s', (strategy) => {
  test.each([
    ['on record', 'rejected', RELEASED],
    ['on record', 'cancelled', RELEASED],
    ['stock held', 'confirmed', CONFIRMED],
    ['stock held', 'cancelled', RELEASED],
    ['decided', 'confirmed', CONFIRMED],
  ] as const)('an order that was %s ends as %s', async (stage, as, stock) => {
    const { concord } = platform;
    const orderId = `${strategy}-${stage.replace(' ', '-')}-${as}`;
    await endedAt(stage, orderId, strategy);
    expect(await concord.resolve(orderId, { as })).toMatchObject({ orderId, status: as });
    expect(await recorded(platform, orderId)).toEqual({ status: as, ...stock });
    await publishOutboxes(platform, orderId);
    await untilQuiet(platform, orderId);
    expect(await recorded(platform, orderId)).toEqual({ status: as, ...stock });
    expect(await concord.status(orderId)).toMatchObject({ phase: 'final', status: as });
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: as, joined: true });
  });

  test.each([
    ['on record', 'confirmed', 'inventory has it as unknown'],
    ['decided', 'cancelled', 'orders has it as confirmed'],
  ] as const)('an order that was %s does not end as %s', async (stage, as, because) => {
    const orderId = `${strategy}-${stage.replace(' ', '-')}-not-${as}`;
    await endedAt(stage, orderId, strategy);
    const before = await recorded(platform, orderId);
    await expect(platform.concord.resolve(orderId, { as })).rejects.toMatchObject({
      code: 'CannotResolve',
      details: { because },
    });
    expect(await recorded(platform, orderId)).toEqual(before);
  });
});

test('a resolution and a StockReserved that is under way: whichever comes first, the order is whole', async () => {
  const { concord } = platform;
  const orderIds = Array.from({ length: 8 }, (_, index) => `under-way-${index}`);
  await Promise.all(orderIds.map((orderId) => endedAt('stock held', orderId, 'event-driven')));
  const ends = await Promise.all(
    orderIds.map(async (orderId, index) => {
      // The one begins when the other does, or has had some time.
      const isFirst = index % 2 === 0;
      if (isFirst) await publishOutboxes(platform, orderId);
      const resolving = resolveByHand(orderId, 'cancelled');
      if (!isFirst) await publishOutboxes(platform, orderId);
      // Refused where the order was confirmed before the resolution had looked.
      return resolving.catch((error) => {
        expect(error).toMatchObject({ cause: { type: 'CannotResolve', message: CONFIRMED_ALREADY } });
        return resolveByHand(orderId, 'confirmed');
      });
    }),
  );
  for (const { orderId, status } of ends) {
    await untilQuiet(platform, orderId);
    const whole = status === 'confirmed' ? CONFIRMED : { status: 'cancelled', ...RELEASED };
    expect(await recorded(platform, orderId), orderId).toEqual(whole);
    expect(await concord.status(orderId)).toMatchObject({ status });
  }
});

const CONFIRMED_ALREADY = expect.stringMatching(/has it as confirmed$/);

/** As `resolve` does it, but however long it takes where so many are resolved at once. */
function resolveByHand(orderId: string, as: FinalStatus): Promise<OrderOutcome> {
  return platform.concord.client.workflow.execute<typeof resolveOrder>('resolveOrder', {
    taskQueue: 'orders',
    workflowId: `resolve/${orderId}`,
    args: [{ order: orderOf(orderId, 2), strategy: 'event-driven' }, { as }],
  });
}

test('a StockReserved that comes before the resolution has recorded its decision: that is what counts', async () => {
  const { concord, orders } = platform;
  const orderId = 'just-before';
  await endedAt('stock held', orderId, 'event-driven');
  await platform.stop('orders');
  const decide = { effect: 'hang', place: { at: 'before', write: 1 } } as const;
  const faults = new FaultInjector([{ subject: orderId, faults: { 'orders.decide': decide } }]);
  const workers = await startStruckWorkers(platform, faults);
  const resolving = concord.resolve(orderId, { as: 'cancelled' });
  await faults.hanging(orderId, 'orders.decide');
  await publishOutboxes(platform, orderId);
  await expect.poll(() => orders.findOne({ _id: orderId })).toMatchObject({ status: 'confirmed' });
  faults.release(orderId, 'orders.decide');
  expect(await resolving).toEqual({ orderId, status: 'confirmed' });
  expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
  await untilQuiet(platform, orderId);
  await workers[Symbol.asyncDispose]();
  await platform.start('orders');
  expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
});
