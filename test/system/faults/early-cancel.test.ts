import { WithStartWorkflowOperation } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelUpdate } from '../../../workflows/order/messages.ts';
import type { placeOrder } from '../../../workflows/orders.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

// The earliest cancel of all: it comes with the workflow's first task.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

test('a cancel that comes with the first task is decided at once, while the inventory is down', async () => {
  const { concord } = platform;
  await concord.restock('EARLY', 10);
  await platform.stop('inventory');
  const order = { orderId: 'first-task', customerId: 'c', lines: [{ sku: 'EARLY', quantity: 1 }] };
  const startWorkflowOperation = new WithStartWorkflowOperation<typeof placeOrder>('placeOrder', {
    taskQueue: 'orders',
    workflowId: 'order/first-task',
    workflowIdConflictPolicy: 'FAIL',
    args: [{ order }],
  });
  const cancelling = concord.client.workflow.executeUpdateWithStart(cancelUpdate, {
    startWorkflowOperation,
    args: [{ reason: 'a slip' }],
  });
  cancelling.catch(() => {}); // where it is not decided in time, nobody waits for it any more
  const handle = await startWorkflowOperation.workflowHandle();
  try {
    await expect
      .poll(async () => (await concord.status('first-task')).status, { timeout: 8_000 })
      .toBe('cancelled');
    expect(await cancelling).toMatchObject({ status: 'cancelled', reason: { message: 'a slip' } });
  } finally {
    await platform.start('inventory');
    await handle.result();
  }
  expect(await concord.stock(['EARLY'])).toMatchObject([{ available: 10, reserved: 0, sold: 0 }]);
  expect(await platform.orders.findOne({ _id: 'first-task' })).toMatchObject({ status: 'cancelled' });
});
