import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { createPost } from '../../../activities/exchange/post.ts';
import { createInventory } from '../../../activities/inventory/participant.ts';
import { createOrders } from '../../../activities/orders/participant.ts';
import type { Placed } from '../../../client/concord.ts';
import { DEFAULT_STRATEGY, type Strategy } from '../../../domain/strategies.ts';
import { listWaiting } from '../../../platform/visibility/stuck-steps.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { receiversOf, subscriptions } from '../../../workers/subscriptions.ts';
import { checkedStock } from '../../support/inventory.ts';
import type { Platform } from '../../support/platform.ts';

/** An order of one unit of a SKU of the same name. */
export function orderOf(orderId: string, quantity = 1) {
  return { orderId, customerId: 'customer', lines: [{ sku: orderId, quantity }] };
}

/** Places an order of 2 of 10 units, and returns once it waits for the services that are broken. */
export async function placeAndWait(
  { concord }: Platform,
  orderId: string,
  until: { readonly orders?: string; readonly inventory?: string },
  options: { readonly prepareBudget?: number; readonly strategy?: Strategy } = {},
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
  { coordinatorId, only, strategy }: { coordinatorId?: string; only?: ServiceName; strategy?: Strategy } = {},
): Promise<void> {
  const request = requestByHand(orderId, coordinatorId, strategy);
  if (only !== 'inventory') await createOrders(orders).prepare(request);
  if (only !== 'orders') await createInventory(inventory).prepare(request);
}

/** An order that every participant has prepared, and whose workflow ended before it could decide. */
export async function preparedAndTerminated(platform: Platform, orderId: string): Promise<void> {
  const { concord } = platform;
  await concord.restock(orderId, 10);
  await platform.stop('orders');
  await concord.place(orderOf(orderId, 2), { wait: 'accepted' });
  const { runId } = await concord.client.workflow.getHandle(`order/${orderId}`).describe();
  await prepareByHand(platform, orderId, { coordinatorId: runId });
  await terminate(platform, orderId);
  await platform.start('orders');
}

/** An order that is confirmed on record, and whose workflow ended before the inventory was told. */
export async function confirmedAndTerminated(platform: Platform, orderId: string): Promise<void> {
  await platform.concord.restock(orderId, 10);
  platform.breakDown('orders');
  await placeAndWait(platform, orderId, { inventory: 'prepared' });
  // Not broken down: an attempt that comes just after the repair would succeed.
  await platform.stop('inventory');
  platform.repair('orders');
  await placeAndWait(platform, orderId, { orders: 'committed' });
  await terminate(platform, orderId);
  await platform.start('inventory');
}

/** What a workflow asks of participants for an order of 2 units. */
export function requestByHand(
  orderId: string,
  coordinatorId = 'forgotten',
  strategy: Strategy = DEFAULT_STRATEGY,
) {
  return { order: orderOf(orderId, 2), coordinatorId, placedAt: new Date().toISOString(), strategy };
}

/** Has published what is in the outboxes of an order, which nobody has handed over. */
export async function publishOutboxes(
  { concord, orders, inventory }: Platform,
  orderId: string,
): Promise<void> {
  const post = createPost(concord.client, (type) => receiversOf(subscriptions, type));
  const order = await orders.findOne({ _id: orderId });
  const reservation = await inventory.reservations.findOne({ _id: orderId });
  for (const announcement of order?.outbox ?? []) await post.publish(announcement);
  for (const announcement of reservation?.outbox ?? []) {
    const isReply = announcement.data.strategy === 'message-queue';
    await (isReply ? post.reply(announcement) : post.publish(announcement));
  }
}

/** Waits until what was published of an order is handled. */
export async function untilQuiet({ concord }: Platform, orderId: string): Promise<void> {
  const waiting = async () => (await listWaiting(concord.client)).filter((item) => item.orderId === orderId);
  await expect.poll(waiting).toEqual([]);
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
