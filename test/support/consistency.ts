import { expect } from 'vitest';
import type { NewOrder, Placed } from '../../client/concord.ts';
import { checkedStock } from './inventory.ts';
import type { Platform } from './platform.ts';

export type IdentifiedOrder = NewOrder & { readonly orderId: string };

/**
 * Compares what clients were told, what the workflows returned, and what both databases hold. Nothing may be in flight.
 */
export async function checkConsistency(
  platform: Pick<Platform, 'orders' | 'inventory' | 'concord'>,
  orders: readonly IdentifiedOrder[],
  told: readonly Pick<Placed, 'orderId' | 'status'>[],
): Promise<void> {
  const documents = new Map(
    (await platform.orders.find().toArray()).map((document) => [document._id, document]),
  );
  for (const { orderId, status } of told) {
    const handle = platform.concord.client.workflow.getHandle(`order/${orderId}`);
    expect(documents.get(orderId)?.status, `what the order service has on record of ${orderId}`).toBe(status);
    expect(await handle.result(), `what the workflow of ${orderId} returned`).toMatchObject({
      orderId,
      status,
    });
  }
  for (const { _id, reserved, sold, holds } of await checkedStock(platform.inventory)) {
    const confirmed = orders
      .filter(({ orderId }) => documents.get(orderId)?.status === 'confirmed')
      .flatMap(({ lines }) => lines)
      .filter(({ sku }) => sku === _id)
      .reduce((sum, { quantity }) => sum + quantity, 0);
    expect({ sku: _id, reserved, holds, sold }).toEqual({
      sku: _id,
      reserved: 0,
      holds: [],
      sold: confirmed,
    });
  }
}
