import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { createInventory } from '../../activities/inventory.ts';
import { createOrders } from '../../activities/orders.ts';
import type { Placed } from '../../client/concord.ts';
import type { ServiceName } from '../../workers/services.ts';
import { checkedStock } from '../support/inventory.ts';
import type { Platform } from '../support/platform.ts';

/** An order of one unit of a SKU of the same name. */
export function orderOf(orderId: string, quantity = 1) {
  return { orderId, customerId: 'customer', lines: [{ sku: orderId, quantity }] };
}

/** Places an order of 2 of 10 units, and returns once it waits for the services that are broken. */
export async function placeAndWait(
  { concord }: Platform,
  orderId: string,
  until: { readonly orders?: string; readonly inventory?: string },
  options: { readonly prepareBudget?: number } = {},
): Promise<void> {
  await concord.place(orderOf(orderId, 2), { ...options, wait: 'accepted' });
  await expect
    .poll(async () => (await concord.status(orderId)).participants, { timeout: 20_000 })
    .toMatchObject(until);
}

/** Ends an order's workflow as an operator would who gives up on it. */
export async function terminate({ concord }: Platform, orderId: string): Promise<void> {
  await concord.client.workflow.getHandle(`order/${orderId}`).terminate('given up');
}

/** Has participants prepare an order of 2 units, as its workflow's activities do; by default as one that is forgotten. */
export async function prepareByHand(
  { orders, inventory }: Platform,
  orderId: string,
  { transaction = 'forgotten', only }: { transaction?: string; only?: ServiceName } = {},
): Promise<void> {
  const request = { order: orderOf(orderId, 2), transaction, placedAt: new Date().toISOString() };
  if (only !== 'inventory') await createOrders(orders).prepare(request);
  if (only !== 'orders') await createInventory(inventory).prepare(request);
}

/** What both databases hold of an order and its SKU. */
export async function recorded(platform: Platform, orderId: string) {
  const stock = (await checkedStock(platform.inventory)).find(({ _id }) => _id === orderId);
  const order = await platform.orders.findOne({ _id: orderId });
  return { status: order?.status, available: stock?.available, reserved: stock?.reserved, sold: stock?.sold };
}

/** What other orders see while one of them is in trouble: nothing. */
export async function placeAnother({ concord }: Platform): Promise<Placed> {
  const orderId = `another-${randomUUID()}`;
  await concord.restock(orderId, 1);
  return concord.place(orderOf(orderId));
}
