import { expect } from 'vitest';
import type { Platform } from '../../support/platform.ts';
import { orderOf, QUANTITIES } from './points.ts';

/** Each line is sold, or each is back on the shelf: nothing in between, and nothing held. */
export async function expectStock(
  { inventory }: Platform,
  point: { readonly subject: string },
  isSold: boolean,
): Promise<void> {
  for (const { sku, quantity } of orderOf(point).lines) {
    const stock = await inventory.stock.findOne({ _id: sku });
    const sold = isSold ? quantity : 0;
    expect(stock).toMatchObject({ available: (stock?.received ?? 0) - sold, reserved: 0, sold, holds: [] });
  }
}

/** What both databases hold of a subject, but for the count of its attempts, and for what is still to be told. */
export async function recorded({ inventory, orders }: Platform, subject: string): Promise<unknown> {
  const skus = [subject, ...Object.keys(QUANTITIES).map((name) => `${subject}:${name}`)];
  const { stock, reservations, receipts } = inventory;
  const { prepared, decision } = (await reservations.findOne({ _id: subject })) ?? {};
  return [
    { prepared, decision },
    await orders.findOne({ _id: subject }, { projection: { outbox: 0 } }),
    await receipts.findOne({ _id: subject }),
    await stock
      .find({ _id: { $in: skus } })
      .sort({ _id: 1 })
      .toArray(),
  ];
}
