import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { strategies } from '../../../domain/strategies.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { orderOf, placeAndWait, recorded, terminate } from './support.ts';

// *Reset* is a button in the Web UI. Whatever is reset, and whatever else is at work on the order, the services agree in the
// end, the decision on record stands, and no workflow fails for it.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

const RELEASED = { available: 10, reserved: 0, sold: 0 };
const SOLD = { available: 8, reserved: 0, sold: 2 };

/** Begins the order's workflow anew after its first task, as the Web UI does. */
async function reset(orderId: string) {
  const { client } = platform.concord;
  const handle = client.workflow.getHandle(`order/${orderId}`);
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace: platform.namespace,
    workflowExecution: { workflowId: `order/${orderId}`, runId },
    workflowTaskFinishEventId: first?.eventId ?? null,
    requestId: `reset of ${runId}`,
    reason: 'by a test',
  });
  return client.workflow.getHandle(`order/${orderId}`);
}

/** Keeps the inventory from settling an order, as a damaged document does, until it is mended. */
async function damageStock(sku: string): Promise<() => Promise<void>> {
  const stock = platform.databases.inventory.collection<{ _id: string; holds: unknown }>('stock');
  const sound = await stock.findOneAndUpdate({ _id: sku }, { $set: { holds: 'damaged' } });
  return async () => {
    await stock.updateOne({ _id: sku }, { $set: { holds: sound?.holds } });
  };
}

describe.each(strategies)('%s', (strategy) => {
  test('an order that was cancelled stays cancelled', async () => {
    const { concord } = platform;
    const orderId = `cancelled-${strategy}`;
    await concord.restock(orderId, 10);
    platform.breakDown('inventory');
    await placeAndWait(platform, orderId, { orders: 'prepared' }, { strategy });
    await concord.cancel(orderId, { reason: 'changed my mind' });
    platform.repair('inventory');
    await concord.client.workflow.getHandle(`order/${orderId}`).result();
    const again = await reset(orderId);
    expect(await again.result()).toMatchObject({
      status: 'cancelled',
      reason: { message: 'changed my mind' },
    });
    expect(await recorded(platform, orderId)).toEqual({ status: 'cancelled', ...RELEASED });
  });

  test('an order that was confirmed can’t be cancelled after its reset', async () => {
    const { concord } = platform;
    const orderId = `confirmed-${strategy}`;
    await concord.restock(orderId, 10);
    await concord.place(orderOf(orderId, 2), { strategy });
    platform.breakDown('inventory');
    const again = await reset(orderId);
    await expect(concord.cancel(orderId)).rejects.toMatchObject({ code: 'TooLate' });
    platform.repair('inventory');
    expect(await again.result()).toMatchObject({ status: 'confirmed' });
    expect(await recorded(platform, orderId)).toEqual({ status: 'confirmed', ...SOLD });
  });
});

test('while the first run is still telling the inventory, its decision stands', async () => {
  const { concord } = platform;
  const orderId = 'telling';
  await concord.restock(orderId, 10);
  platform.breakDown('orders');
  await placeAndWait(platform, orderId, { inventory: 'prepared' });
  const mend = await damageStock(orderId);
  platform.repair('orders');
  await placeAndWait(platform, orderId, { orders: 'committed' });
  const again = await reset(orderId);
  await expect(concord.cancel(orderId)).rejects.toMatchObject({ code: 'TooLate' });
  await mend();
  expect(await again.result()).toMatchObject({ status: 'confirmed' });
  expect(await recorded(platform, orderId)).toEqual({ status: 'confirmed', ...SOLD });
});

test('beside a resolution that is still at work, what that has put on record stands', async () => {
  const { concord } = platform;
  const orderId = 'resolved';
  await concord.restock(orderId, 10);
  platform.breakDown('orders');
  await placeAndWait(platform, orderId, { inventory: 'prepared' });
  await terminate(platform, orderId);
  platform.repair('orders');
  const mend = await damageStock(orderId);
  await expect(concord.resolve(orderId, { as: 'cancelled' })).rejects.toMatchObject({ code: 'NoAnswer' });
  const again = await reset(orderId);
  await expect
    .poll(async () => (await concord.status(orderId)).status, { timeout: 20_000 })
    .toBe('cancelled');
  await mend();
  expect(await again.result()).toMatchObject({ status: 'cancelled' });
  expect(await concord.client.workflow.getHandle(`resolve/${orderId}`).result()).toMatchObject({
    status: 'cancelled',
  });
  expect(await recorded(platform, orderId)).toEqual({ status: 'cancelled', ...RELEASED });
});

test('terminated before it decides again, it can’t be resolved otherwise than it is on record', async () => {
  const { concord } = platform;
  const orderId = 'terminated';
  await concord.restock(orderId, 10);
  await concord.place(orderOf(orderId, 2));
  await platform.stop('orders');
  const again = await reset(orderId);
  await again.terminate('before it has decided again');
  await platform.start('orders');
  await expect(concord.resolve(orderId, { as: 'rejected' })).rejects.toMatchObject({ code: 'CannotResolve' });
  expect(await concord.resolve(orderId, { as: 'confirmed' })).toMatchObject({ status: 'confirmed' });
  expect(await recorded(platform, orderId)).toEqual({ status: 'confirmed', ...SOLD });
});
