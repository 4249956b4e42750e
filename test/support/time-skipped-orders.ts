import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, expect } from 'vitest';
import { defined } from '../../domain/defined.ts';
import type { OrderProgress } from '../../domain/place-order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import { cancelUpdate, statusQuery } from '../../workflows/order/messages.ts';
import type { placeOrder } from '../../workflows/orders.ts';
import { checkedStock, stocked } from './inventory.ts';
import { startTimeSkipping, type TimeSkipping } from './time-skipping.ts';

export const CONFIRMED = { status: 'confirmed', available: 8, reserved: 0, sold: 2 };
export const RELEASED = { available: 10, reserved: 0, sold: 0 };
export const HOUR = 3_600_000;

type Handle = WorkflowHandle<typeof placeOrder>;

/** Orders of one strategy on a server that skips time: services fail for hours and days there. */
export function timeSkippedOrders(strategy: Strategy) {
  let time: TimeSkipping;

  // One server each: what one test leaves scheduled would keep the next one's clock from skipping.
  beforeEach(async () => {
    time = await startTimeSkipping();
  });

  afterEach(() => time[Symbol.asyncDispose]());

  return {
    get environment() {
      return time.environment;
    },
    get workers() {
      return time.workers;
    },
    startBoth,
    place,
    until,
    recorded,
    cancel: (handle: Handle) =>
      handle.executeUpdate(cancelUpdate, { args: [{ reason: 'changed their mind' }] }),
    inventoryDownDuringCommit,
  };

  async function startBoth(): Promise<void> {
    await time.workers.start('orders');
    await time.workers.start('inventory');
  }

  /** Ten units of a SKU of the same name, and an order for two of them. */
  async function place(orderId: string, { prepareBudget }: { prepareBudget?: number } = {}): Promise<Handle> {
    await stocked(time.workers.inventory, { [orderId]: 10 });
    const order = { orderId, customerId: 'customer', lines: [{ sku: orderId, quantity: 2 }] };
    return time.environment.client.workflow.start<typeof placeOrder>('placeOrder', {
      taskQueue: 'orders',
      workflowId: `order/${orderId}`,
      args: [defined({ order, strategy, prepareBudget })],
    });
  }

  async function until(handle: Handle, expected: Partial<OrderProgress>): Promise<void> {
    await expect.poll(() => handle.query(statusQuery), { timeout: 20_000 }).toMatchObject(expected);
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
}
