import { expect, test } from 'vitest';
import { startPlatform } from '../../support/platform.ts';
import { orderOf, placeAndWait } from '../../system/operations/support.ts';

// docs/web-ui.md says what to do then.
test('an order whose search attribute was removed after it had changed it goes on by a reset to its first task', async () => {
  await using platform = await startPlatform();
  const { concord, namespace } = platform;
  const { client } = concord;
  const handle = client.workflow.getHandle('order/bereft');
  await concord.restock('bereft', 10);
  platform.breakDown('inventory');
  await placeAndWait(platform, 'bereft', { orders: 'prepared' });
  const since = new Date().toISOString();
  await handle.signal('stuckSteps', [{ step: 'inventory.prepare', attempts: 1, lastError: 'down', since }]);
  const needsAttention = async () => {
    const { typedSearchAttributes } = await handle.describe();
    return typedSearchAttributes.getAll().find(({ key }) => key.name === 'OrderNeedsAttention')?.value;
  };
  await expect.poll(needsAttention).toBe(true);
  await client.connection.operatorService.removeSearchAttributes({
    namespace,
    searchAttributes: ['OrderNeedsAttention'],
  });
  await expect.poll(async () => (await concord.searchAttributes()).missing).toEqual(['OrderNeedsAttention']);
  await platform.stop('orders'); // which would have gone on from its memory
  await platform.start('orders');
  platform.repair('inventory');
  await expect
    .poll(() => concord.stuck({ failures: 0, longerThan: 0 }))
    .toMatchObject([
      { problem: 'broken', lastError: expect.stringContaining('UpsertWorkflowSearchAttributes') },
    ]);

  const { events } = await handle.fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId: handle.workflowId },
    workflowTaskFinishEventId: first?.eventId ?? null,
    requestId: 'reset',
    reason: 'a search attribute was removed',
  });
  expect(await concord.place(orderOf('bereft', 2))).toMatchObject({ status: 'confirmed', joined: true });
  expect(await concord.stock(['bereft'])).toMatchObject([{ available: 8, reserved: 0, sold: 2 }]);
});
