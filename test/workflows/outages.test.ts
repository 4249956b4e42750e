import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OrderProgress } from '../../domain/place-order.ts';
import { strategies } from '../../domain/strategies.ts';
import { cancelUpdate, statusQuery } from '../../workflows/order/messages.ts';
import type { placeOrder } from '../../workflows/orders.ts';
import { checkedStock, stocked } from '../support/inventory.ts';
import { startTimeSkipping, type TimeSkipping } from '../support/time-skipping.ts';

const CONFIRMED = { status: 'confirmed', available: 8, reserved: 0, sold: 2 };
const RELEASED = { available: 10, reserved: 0, sold: 0 };
const HOUR = 3_600_000;

type Handle = WorkflowHandle<typeof placeOrder>;

// Services fail for hours and days here; Temporal's test server skips them.

describe.each(strategies)('%s', (strategy) => {
  let time: TimeSkipping;

  // One server each: what one test leaves scheduled would keep the next one's clock from skipping.
  beforeEach(async () => {
    time = await startTimeSkipping();
  });

  afterEach(() => time[Symbol.asyncDispose]());

  /** Ten units of a SKU of the same name, and an order for two of them. */
  async function place(orderId: string, { prepareBudget }: { prepareBudget?: number } = {}): Promise<Handle> {
    await stocked(time.workers.inventory, { [orderId]: 10 });
    const order = { orderId, customerId: 'customer', lines: [{ sku: orderId, quantity: 2 }] };
    return time.environment.client.workflow.start<typeof placeOrder>('placeOrder', {
      taskQueue: 'orders',
      workflowId: `order/${orderId}`,
      args: [{ order, strategy, ...(prepareBudget === undefined ? {} : { prepareBudget }) }],
    });
  }

  async function until(handle: Handle, expected: Partial<OrderProgress>): Promise<void> {
    await expect.poll(() => handle.query(statusQuery), { timeout: 20_000 }).toMatchObject(expected);
  }

  /** Until what tells of an order that is on record is on its way: a relay may still be at it. */
  async function untilHandedOver(orderId: string): Promise<void> {
    if (strategy !== 'event-driven') return;
    const outbox = async () => (await time.workers.orders.findOne({ _id: orderId }))?.outbox ?? [];
    await expect.poll(outbox, { timeout: 20_000 }).toEqual([]);
  }

  /** What both databases hold of an order of two units, in the end. */
  async function recorded(orderId: string) {
    const stock = (await checkedStock(time.workers.inventory)).find(({ _id }) => _id === orderId);
    const order = await time.workers.orders.findOne({ _id: orderId });
    return {
      status: order?.status,
      available: stock?.available,
      reserved: stock?.reserved,
      sold: stock?.sold,
    };
  }

  describe('a service that is down', () => {
    test('inventory for 3 hours, within the prepare budget: confirmed when it is back', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('back-in-time', { prepareBudget: 4 * HOUR });
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await environment.sleep('3 hours');
      await until(handle, { phase: 'preparing' });
      workers.repair('inventory');
      expect(await handle.result()).toMatchObject({ status: 'confirmed' });
      expect(await recorded('back-in-time')).toEqual(CONFIRMED);
    });

    test('inventory past the prepare budget: rejected, and everything is released when it is back', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('too-late');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await environment.sleep('9 minutes');
      await until(handle, { phase: 'preparing' });
      await environment.sleep('2 minutes');
      await until(handle, { phase: 'rolling-back' });
      await environment.sleep('3 hours');
      await until(handle, { phase: 'rolling-back' });
      workers.repair('inventory');
      const reason = {
        code: 'PrepareTimedOut',
        details: {
          participant: 'inventory',
          // Only who calls the inventory itself sees why.
          lastError: strategy === 'two-phase' ? 'the database is down' : 'no answer came',
        },
      };
      expect(await handle.result()).toMatchObject({ status: 'rejected', reason });
      expect(await recorded('too-late')).toEqual({ status: 'rejected', ...RELEASED });
    });

    test('order service past the prepare budget: no stock stays held', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('orders');
      const handle = await place('order-service-late');
      // Only a coordinator asks all at once; otherwise the inventory hears of nothing that is not on record.
      const inventory = strategy === 'two-phase' ? 'prepared' : 'preparing';
      await until(handle, { participants: { orders: 'preparing', inventory } });
      expect(await recorded('order-service-late')).toMatchObject({
        reserved: strategy === 'two-phase' ? 2 : 0,
      });
      await environment.sleep('11 minutes');
      // The order's document decides, so nothing is decided before it can be written.
      await until(handle, { phase: 'preparing' });
      if (strategy === 'two-phase')
        await until(handle, { participants: { orders: 'rolling-back', inventory: 'prepared' } });
      workers.repair('orders');
      expect(await handle.result()).toMatchObject({ status: 'rejected' });
      expect(await recorded('order-service-late')).toEqual({ status: 'rejected', ...RELEASED });
    });

    test('order service for 2 days during commit: confirmed at the end', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('two-days', { prepareBudget: 72 * HOUR });
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await untilHandedOver('two-days');
      workers.breakDown('orders');
      workers.repair('inventory');
      await environment.sleep('3 minutes');
      await until(handle, { phase: 'preparing' });
      await environment.sleep('2 days');
      await until(handle, { phase: 'preparing' });
      // Nothing is sold before it is on record that the order is confirmed.
      expect(await recorded('two-days')).toMatchObject({ status: 'pending', reserved: 2, sold: 0 });
      workers.repair('orders');
      expect(await handle.result()).toMatchObject({ status: 'confirmed' });
      expect(await recorded('two-days')).toEqual(CONFIRMED);
    });
  });

  async function startBoth(): Promise<void> {
    await time.workers.start('orders');
    await time.workers.start('inventory');
  }

  describe('a cancel', () => {
    // In event-driven the answer needs the order service: that is tested on Temporal's own server, with the placing of orders.
    test.skipIf(strategy === 'event-driven')(
      'before anything is prepared: nothing is ever held',
      async () => {
        const { workers } = time;
        await workers.start('orders', 'workflows');
        const handle = await place('cancel-first');
        await until(handle, { participants: { orders: 'preparing', inventory: 'preparing' } });
        const cancelled = cancel(handle);
        await until(handle, { participants: { orders: 'rolling-back' } });
        await workers.start('orders', 'activities');
        await workers.start('inventory');
        expect(await cancelled).toMatchObject({
          status: 'cancelled',
          reason: { message: 'changed their mind' },
        });
        expect(await handle.result()).toMatchObject({ status: 'cancelled' });
        expect(await recorded('cancel-first')).toEqual({ status: 'cancelled', ...RELEASED });
      },
    );

    test('while the inventory is down', async () => {
      const { workers } = time;
      await workers.start('orders');
      const handle = await place('cancel-inventory-down');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      expect(await cancel(handle)).toMatchObject({ status: 'cancelled' });
      await workers.start('inventory');
      expect(await handle.result()).toMatchObject({ status: 'cancelled' });
      expect(await recorded('cancel-inventory-down')).toEqual({ status: 'cancelled', ...RELEASED });
    });

    test.runIf(strategy === 'two-phase')(
      'while the order service is down, after the stock is held',
      async () => {
        const { workers } = time;
        await workers.start('orders', 'workflows');
        await workers.start('inventory');
        const handle = await place('cancel-held');
        await until(handle, { participants: { orders: 'preparing', inventory: 'prepared' } });
        const cancelled = cancel(handle);
        await until(handle, { participants: { orders: 'rolling-back', inventory: 'prepared' } });
        await workers.start('orders', 'activities');
        expect(await cancelled).toMatchObject({ status: 'cancelled' });
        expect(await handle.result()).toMatchObject({ status: 'cancelled' });
        expect(await recorded('cancel-held')).toEqual({ status: 'cancelled', ...RELEASED });
      },
    );

    test("of the workflow itself, from Temporal's Web UI or CLI, counts as a cancel", async () => {
      const { workers } = time;
      await workers.start('orders');
      const handle = await place('cancel-by-temporal');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await handle.cancel();
      await until(handle, { phase: 'rolling-back' });
      await workers.start('inventory');
      expect(await handle.result()).toMatchObject({ status: 'cancelled', reason: { code: 'Cancelled' } });
      expect(await recorded('cancel-by-temporal')).toEqual({ status: 'cancelled', ...RELEASED });
    });

    // In event-driven the decision and its record are one.
    test.skipIf(strategy === 'event-driven')(
      'after the decision is refused, and the order is confirmed all the same',
      async () => {
        const { workers } = time;
        const handle = await inventoryDownDuringCommit('cancel-committing');
        await expect(cancel(handle)).rejects.toMatchObject({ cause: { type: 'TooLate' } });
        await handle.cancel(); // Temporal's own can't be refused, but must change nothing
        workers.repair('inventory');
        expect(await handle.result()).toMatchObject({ status: 'confirmed' });
        expect(await recorded('cancel-committing')).toEqual(CONFIRMED);
      },
    );

    test('while it rolls back is refused, and the rollback goes on', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('cancel-rolling-back');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await environment.sleep('11 minutes');
      await until(handle, { phase: 'rolling-back' });
      await expect(cancel(handle)).rejects.toMatchObject({ cause: { type: 'TooLate' } });
      await handle.cancel();
      workers.repair('inventory');
      expect(await handle.result()).toMatchObject({ status: 'rejected' });
      expect(await recorded('cancel-rolling-back')).toEqual({ status: 'rejected', ...RELEASED });
    });
  });

  /** An order that is confirmed on record, while the inventory can't carry that out. */
  async function inventoryDownDuringCommit(orderId: string): Promise<Handle> {
    const { environment, workers } = time;
    await startBoth();
    workers.breakDown('inventory');
    const handle = await place(orderId, { prepareBudget: HOUR });
    await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
    workers.breakDown('orders');
    workers.repair('inventory');
    await environment.sleep('3 minutes');
    await until(handle, { participants: { orders: 'committing', inventory: 'prepared' } });
    workers.breakDown('inventory');
    workers.repair('orders');
    await environment.sleep('3 minutes');
    await until(handle, { phase: 'committing' });
    return handle;
  }
});

function cancel(handle: Handle) {
  return handle.executeUpdate(cancelUpdate, { args: [{ reason: 'changed their mind' }] });
}
