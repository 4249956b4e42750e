import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { listWaiting } from '../../../platform/visibility/stuck-steps.ts';
import { createServiceWorker } from '../../../workers/create-worker.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { orderOf, placeAndWait, placeAnother, recorded } from './support.ts';

// One order is in trouble; it says so, and the others don't notice.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

const CONFIRMED = { status: 'confirmed', available: 8, reserved: 0, sold: 2 };

test('a history that the workflow code does not fit: the order waits for code that does', async () => {
  const { concord } = platform;
  await concord.restock('history', 10);
  platform.breakDown('inventory');
  await concord.client.workflow.start('placeOrder', {
    taskQueue: 'orders',
    workflowId: 'order/history',
    // How long the SDK keeps silent about a task that has failed before.
    workflowTaskTimeout: '2 seconds',
    args: [{ order: orderOf('history', 2) }],
  });
  await placeAndWait(platform, 'history', { orders: 'prepared' });
  await platform.stop('orders');
  const incompatible = await runIncompatibleWorker('incompatible-workflows.ts');
  platform.repair('inventory');

  await expect
    .poll(() => concord.stuck(), { timeout: 20_000 })
    .toMatchObject([{ orderId: 'history', problem: 'broken', step: 'workflow' }]);
  const [step] = await concord.stuck();
  expect(step?.lastError).toMatch(/nondeterminism/i);
  expect(await placeAnother(platform)).toMatchObject({ status: 'confirmed' });
  expect(await recorded(platform, 'history')).toMatchObject({ status: 'pending' });

  await incompatible.stop();
  await platform.start('orders');
  expect(await concord.place(orderOf('history', 2))).toMatchObject({ status: 'confirmed' });
  expect(await recorded(platform, 'history')).toEqual(CONFIRMED);
});

test('a history that the mailbox does not fit: it is named, keeps what waits, and holds up no other strategy', async () => {
  const { concord } = platform;
  await concord.restock('mailbox', 10);
  await platform.stop('inventory');
  await placeAndWait(platform, 'mailbox', { orders: 'prepared' }, { strategy: 'message-queue' });
  await expect.poll(() => listWaiting(concord.client)).toMatchObject([{ orderId: 'mailbox' }]);
  await platform.stop('orders');
  const incompatible = await runIncompatibleWorker('incompatible-mailbox.ts');
  await platform.start('inventory');

  const workflowId = mailboxIdOf(orderOf('mailbox'));
  await expect
    .poll(() => concord.stuck({ longerThan: 600_000 }), { timeout: 20_000 })
    .toMatchObject([{ orderId: workflowId, workflowId, problem: 'broken', step: 'workflow' }]);
  // The inventory has answered the order itself, and its sale waits in the mailbox.
  const held = { status: 'confirmed', available: 8, reserved: 2, sold: 0 };
  await expect.poll(() => recorded(platform, 'mailbox')).toEqual(held);
  expect(await placeAnother(platform)).toMatchObject({ status: 'confirmed' });

  await incompatible.stop();
  await platform.start('orders');
  await expect.poll(() => recorded(platform, 'mailbox'), { timeout: 30_000 }).toEqual(CONFIRMED);
  await expect.poll(() => concord.stuck({ failures: 0, longerThan: 600_000 })).toEqual([]);
});

describe('an unknown order', () => {
  test.each([
    ['status', (id: string) => platform.concord.status(id)],
    ['cancel', (id: string) => platform.concord.cancel(id)],
    ['retry', (id: string) => platform.concord.retry(id)],
    ['resolve', (id: string) => platform.concord.resolve(id, { as: 'rejected' })],
  ])('%s says that it is unknown', async (_, ask) => {
    await expect(ask('nobody')).rejects.toMatchObject({ code: 'UnknownOrder' });
    expect(await platform.concord.stuck({ failures: 0, longerThan: 0 })).toEqual([]);
  });
});

describe('a damaged stock document', () => {
  test.each([
    ['holds', 'none', 'holds is no list'],
    ['settled', null, 'settled is no list'],
    ['available', '10', 'available is no number'],
  ])('%s: its orders are retried until it is repaired, even to be sold', async (field, value, problem) => {
    const { concord } = platform;
    const orderId = `damaged-${field}`;
    await concord.restock(orderId, 10);
    const sound = await set(orderId, field, value);
    await concord.place(orderOf(orderId, 2), { wait: 'accepted' });
    await expect
      .poll(() => concord.stuck({ failures: 1 }), { timeout: 20_000 })
      .toMatchObject([
        {
          orderId,
          problem: 'retrying',
          step: 'inventory.prepare',
          lastError: `the stock document of ${orderId} is damaged and must be repaired: ${problem}`,
        },
      ]);
    expect(await placeAnother(platform)).toMatchObject({ status: 'confirmed' });
    await set(orderId, field, sound);
    await concord.retry(orderId);
    expect(await concord.place(orderOf(orderId, 2))).toMatchObject({ status: 'confirmed' });
    expect(await recorded(platform, orderId)).toEqual(CONFIRMED);
  });

  test('that lost a hold is not taken for one that was sold', async () => {
    const { concord, inventory } = platform;
    await concord.restock('lost', 10);
    platform.breakDown('orders');
    await placeAndWait(platform, 'lost', { inventory: 'prepared' });
    const hold = await set('lost', 'holds', 'none');
    platform.repair('orders');
    await expect
      .poll(() => concord.stuck({ failures: 1 }), { timeout: 20_000 })
      .toMatchObject([{ orderId: 'lost', step: 'inventory.commit', problem: 'retrying' }]);
    await set('lost', 'holds', hold);
    expect(await concord.place(orderOf('lost', 2))).toMatchObject({ status: 'confirmed' });
    expect(await inventory.stock.findOne({ _id: 'lost' })).toMatchObject({ sold: 2, holds: [] });
  });
});

/** Overwrites a field of a stock document, and returns what it was. */
async function set(sku: string, field: string, value: unknown): Promise<unknown> {
  const stock = platform.databases.inventory.collection<{ _id: string; [field: string]: unknown }>('stock');
  const before = await stock.findOneAndUpdate({ _id: sku }, { $set: { [field]: value } });
  return before?.[field];
}

/** A worker of the order service whose workflow code has changed. */
async function runIncompatibleWorker(module: string) {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL(module, import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  const connection = await NativeConnection.connect({ address: platform.address });
  const worker = await createServiceWorker('orders', {
    connection,
    namespace: platform.namespace,
    database: platform.databases.orders,
    workflowBundle: { code },
  });
  const ended = worker.run();
  return {
    async stop() {
      worker.shutdown();
      await ended;
      await connection.close();
    },
  };
}
