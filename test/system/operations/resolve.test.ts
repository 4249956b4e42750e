import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInventory } from '../../../activities/inventory/participant.ts';
import { createOrders } from '../../../activities/orders/participant.ts';
import { strategies } from '../../../domain/strategies.ts';
import { statusQuery } from '../../../workflows/order/messages.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runCliAsJson } from '../../support/run-cli.ts';
import {
  confirmedAndTerminated,
  orderOf,
  placeAndWait,
  prepareByHand,
  preparedAndTerminated,
  recorded,
  requestByHand,
  terminate,
} from './support.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

/** An order that holds nothing yet, and whose workflow ended. */
async function preparingAndTerminated(orderId: string): Promise<void> {
  await platform.concord.restock(orderId, 10);
  await platform.stop('inventory');
  await placeAndWait(platform, orderId, { orders: 'prepared' });
  await terminate(platform, orderId);
  await platform.start('inventory');
}

const CONFIRMED = { status: 'confirmed', available: 8, reserved: 0, sold: 2 };
const RELEASED = { available: 10, reserved: 0, sold: 0 };

describe('an order whose workflow was terminated', () => {
  test('when all had prepared can be confirmed; then status and place say so, and nothing is left to resolve', async () => {
    const { concord } = platform;
    await preparedAndTerminated(platform, 'confirm');
    expect(await concord.status('confirm')).toMatchObject({ phase: 'failed' });
    expect(await concord.resolve('confirm', { as: 'confirmed' })).toEqual({
      orderId: 'confirm',
      status: 'confirmed',
    });
    expect(await recorded(platform, 'confirm')).toEqual(CONFIRMED);
    expect(await concord.status('confirm')).toMatchObject({ phase: 'final', status: 'confirmed' });
    expect(await concord.place(orderOf('confirm', 2))).toMatchObject({ status: 'confirmed', joined: true });
    await expect(concord.resolve('confirm', { as: 'cancelled' })).rejects.toMatchObject({
      code: 'CannotResolve',
    });
  });

  test('when all had prepared can be cancelled as well', async () => {
    await preparedAndTerminated(platform, 'cancel');
    const { exitCode, document } = await runCliAsJson(
      ['resolve', 'cancel', '--as', 'cancelled', '--reason', 'called'],
      { env: { TEMPORAL_ADDRESS: platform.address, TEMPORAL_NAMESPACE: platform.namespace } },
    );
    expect({ exitCode, document }).toEqual({
      exitCode: 0,
      document: { orderId: 'cancel', status: 'cancelled', reason: { code: 'Cancelled', message: 'called' } },
    });
    expect(await recorded(platform, 'cancel')).toEqual({ status: 'cancelled', ...RELEASED });
  });

  test('after its decision ends as decided, and only so', async () => {
    const { concord } = platform;
    await confirmedAndTerminated(platform, 'decided');
    for (const as of ['rejected', 'cancelled'] as const) {
      await expect(concord.resolve('decided', { as })).rejects.toMatchObject({
        code: 'CannotResolve',
        details: { because: 'orders has it as confirmed' },
      });
    }
    expect(await recorded(platform, 'decided')).toMatchObject({ status: 'confirmed', sold: 0 });
    expect(await concord.resolve('decided', { as: 'confirmed' })).toMatchObject({ status: 'confirmed' });
    expect(await recorded(platform, 'decided')).toEqual(CONFIRMED);
  });

  test('before all had prepared can be rejected, and not confirmed', async () => {
    const { concord } = platform;
    await preparingAndTerminated('reject');
    await expect(concord.resolve('reject', { as: 'confirmed' })).rejects.toMatchObject({
      code: 'CannotResolve',
      details: { because: 'inventory has it as unknown' },
    });
    expect(await concord.resolve('reject', { as: 'rejected' })).toMatchObject({
      status: 'rejected',
      reason: { code: 'Abandoned' },
    });
    expect(await recorded(platform, 'reject')).toEqual({ status: 'rejected', ...RELEASED });
  });

  test('so long ago that its history is gone is resolved in its place, so that placing it again joins that', async () => {
    const { concord } = platform;
    await concord.restock('gone', 10);
    await prepareByHand(platform, 'gone');
    expect(await concord.resolve('gone', { as: 'cancelled' })).toMatchObject({ status: 'cancelled' });
    expect(await recorded(platform, 'gone')).toEqual({ status: 'cancelled', ...RELEASED });
    for (const wait of ['decided', 'final'] as const) {
      expect(await concord.place(orderOf('gone', 2), { wait })).toMatchObject({
        status: 'cancelled',
        joined: true,
      });
    }
    expect(await concord.status('gone')).toMatchObject({ phase: 'final', status: 'cancelled' });
    await expect(concord.resolve('gone', { as: 'cancelled' })).rejects.toMatchObject({ code: 'TooLate' });
  });
});

test('an order that was placed again in vain ends as its first workflow had begun to settle it', async () => {
  const { concord, inventory } = platform;
  await concord.restock('again', 10);
  await prepareByHand(platform, 'again');
  const request = {
    order: orderOf('again', 2),
    coordinatorId: 'forgotten',
    placedAt: new Date().toISOString(),
    strategy: 'two-phase' as const,
  };
  await createInventory(inventory).commit(request);
  await expect(concord.place(orderOf('again', 2))).rejects.toMatchObject({ code: 'LeftUndecided' });
  expect(await concord.resolve('again', { as: 'confirmed' })).toMatchObject({ status: 'confirmed' });
  expect(await recorded(platform, 'again')).toEqual(CONFIRMED);
  expect(await concord.place(orderOf('again', 2))).toMatchObject({ status: 'confirmed', joined: true });
});

describe('an order whose history is gone, and whose id another one has tried to take', () => {
  const other = (orderId: string) => orderOf(orderId, 3);

  test.each(strategies)(
    'is what cancel answers for, also while the other one is cancelled: %s',
    async (strategy) => {
      const { concord, orders } = platform;
      const orderId = `sold-${strategy}`;
      await concord.restock(orderId, 10);
      await prepareByHand(platform, orderId, { strategy });
      await createOrders(orders).decide({
        ...requestByHand(orderId, 'forgotten', strategy),
        status: 'confirmed',
      });
      const confirmed = { code: 'TooLate', details: { orderId, status: 'confirmed' } };
      await expect(concord.cancel(orderId)).rejects.toMatchObject(confirmed);

      await platform.stop('orders');
      await concord.place(other(orderId), { strategy, wait: 'accepted' });
      const handle = concord.client.workflow.getHandle(`order/${orderId}`);
      const isAsked = async () => {
        const { events } = await handle.fetchHistory();
        return events?.some((event) => event.workflowExecutionSignaledEventAttributes);
      };
      const [cancelled] = await Promise.allSettled([
        concord.cancel(orderId),
        expect
          .poll(isAsked)
          .toBe(true)
          .then(() => platform.start('orders')),
      ]);
      expect(cancelled).toMatchObject({ reason: confirmed });
      // Its workflow may still wait until the inventory has heard of it.
      expect(await handle.query(statusQuery)).toMatchObject({
        decision: { status: 'rejected', reason: { code: 'OrderIdTaken' } },
      });
      await expect(concord.cancel(orderId)).rejects.toMatchObject(confirmed);
      expect(await concord.status(orderId)).toMatchObject({ status: 'confirmed', phase: 'final' });
    },
  );

  test('is, while it is pending, for an operator to settle, and nobody is told more than that', async () => {
    const { concord } = platform;
    await concord.restock('tried', 10);
    await prepareByHand(platform, 'tried');
    await expect(concord.cancel('tried')).rejects.toMatchObject({ code: 'LeftUndecided' });
    await expect(concord.place(other('tried'))).rejects.toMatchObject({ code: 'OrderIdTaken' });
    for (const wait of ['decided', 'final'] as const) {
      await expect(concord.place(orderOf('tried', 2), { wait })).rejects.toMatchObject({
        code: 'LeftUndecided',
      });
    }
    await expect(concord.cancel('tried')).rejects.toMatchObject({ code: 'LeftUndecided' });
    expect(await concord.resolve('tried', { as: 'rejected' })).toMatchObject({ status: 'rejected' });
    expect(await recorded(platform, 'tried')).toEqual({ status: 'rejected', ...RELEASED });
    expect(await concord.place(orderOf('tried', 2))).toMatchObject({ status: 'rejected', joined: true });
    await expect(concord.cancel('tried')).rejects.toMatchObject({ code: 'TooLate' });
    await expect(concord.resolve('tried', { as: 'cancelled' })).rejects.toMatchObject({ code: 'TooLate' });
    await expect(concord.place(other('tried'))).rejects.toMatchObject({ code: 'OrderIdTaken' });
  });
});

test('a resolution that waits for a service is accepted; what it has decided outlives even its end', async () => {
  const { concord, databases } = platform;
  await preparedAndTerminated(platform, 'waits');
  const stock = databases.inventory.collection<{ _id: string; holds: unknown }>('stock');
  const sound = await stock.findOneAndUpdate({ _id: 'waits' }, { $set: { holds: 'damaged' } });
  await expect(concord.resolve('waits', { as: 'cancelled' })).rejects.toMatchObject({ code: 'NoAnswer' });
  expect(await concord.stuck({ failures: 1 })).toMatchObject([
    { orderId: 'waits', workflowId: 'resolve/waits', step: 'inventory.rollback' },
  ]);
  expect(await concord.retry('waits')).toMatchObject({ steps: ['inventory.rollback'] });
  await concord.client.workflow.getHandle('resolve/waits').terminate('given up again');
  await expect
    .poll(() => concord.stuck())
    .toMatchObject([
      { workflowId: 'resolve/waits', problem: 'stopped', lastError: 'terminated: given up again' },
    ]);

  await stock.updateOne({ _id: 'waits' }, { $set: { holds: sound?.holds } });
  // As if the rollback had not come to its decision.
  await platform.inventory.reservations.updateOne({ _id: 'waits' }, { $set: { decision: null } });
  await expect(concord.resolve('waits', { as: 'confirmed' })).rejects.toMatchObject({
    details: { because: 'orders has it as cancelled' },
  });
  expect(await concord.resolve('waits', { as: 'cancelled' })).toMatchObject({ status: 'cancelled' });
  expect(await recorded(platform, 'waits')).toEqual({ status: 'cancelled', ...RELEASED });
});

describe('refused', () => {
  test('while its own workflow runs, however the resolution is started', async () => {
    const { concord } = platform;
    await concord.restock('running', 10);
    platform.breakDown('inventory');
    await placeAndWait(platform, 'running', { orders: 'prepared' });
    await expect(concord.resolve('running', { as: 'rejected' })).rejects.toMatchObject({
      code: 'CannotResolve',
    });
    await expect(startByHand('resolve/running', 'running')).rejects.toMatchObject({
      cause: { type: 'CannotResolve' },
    });
    platform.repair('inventory');
    expect(await concord.place(orderOf('running', 2))).toMatchObject({ status: 'confirmed' });
    await expect(concord.resolve('running', { as: 'confirmed' })).rejects.toMatchObject({ code: 'TooLate' });
  });

  test('beside a place that is free for a new order, and under a foreign id', async () => {
    await expect(startByHand('resolve/free', 'free')).rejects.toMatchObject({
      cause: { type: 'CannotResolve' },
    });
    await expect(startByHand('resolve/foreign', 'free')).rejects.toMatchObject({
      cause: { type: 'InvalidInput' },
    });
  });

  test('of an unknown order', async () => {
    await expect(platform.concord.resolve('nobody', { as: 'rejected' })).rejects.toMatchObject({
      code: 'UnknownOrder',
    });
  });
});

function startByHand(workflowId: string, orderId: string): Promise<unknown> {
  return platform.concord.client.workflow.execute('resolveOrder', {
    taskQueue: 'orders',
    workflowId,
    args: [{ order: orderOf(orderId, 2) }, { as: 'rejected' }],
  });
}
