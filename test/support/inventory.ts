import type { Db } from 'mongodb';
import { expect } from 'vitest';
import type {
  InventoryCollections,
  InventoryLimits,
  StockDocument,
} from '../../activities/inventory/documents.ts';
import { createInventory } from '../../activities/inventory/participant.ts';
import { createStockKeeping, type StockKeeping } from '../../activities/inventory/stock.ts';
import type { Participant } from '../../domain/participant.ts';

export function collectionsOf(database: Db): InventoryCollections {
  return {
    stock: database.collection('stock'),
    reservations: database.collection('reservations'),
    receipts: database.collection('receipts'),
  };
}

/** All that the inventory does. */
export function wholeInventory(
  collections: InventoryCollections,
  limits?: Partial<InventoryLimits>,
): Participant & StockKeeping {
  return { ...createInventory(collections, limits), ...createStockKeeping(collections) };
}

/** An inventory with these units on the shelves. */
export async function stocked(
  collections: InventoryCollections,
  units: Readonly<Record<string, number>>,
  limits?: Partial<InventoryLimits>,
): Promise<Participant & StockKeeping> {
  const inventory = wholeInventory(collections, limits);
  for (const [sku, quantity] of Object.entries(units)) {
    await inventory.receive({ receiptId: `initial-${sku}`, sku, quantity });
  }
  return inventory;
}

/** Puts these units on the shelves in one write, as deliveries long ago have left them: for hundreds of SKUs. */
export async function shelve(
  { stock }: Pick<InventoryCollections, 'stock'>,
  units: Readonly<Record<string, number>>,
): Promise<void> {
  const documents = Object.entries(units).map(([sku, quantity]): StockDocument => {
    return {
      _id: sku,
      available: quantity,
      reserved: 0,
      sold: 0,
      received: quantity,
      holds: [],
      settled: [],
    };
  });
  await stock.insertMany(documents);
}

/** Reads every stock document and checks what must hold in every state that a reader can see. */
export async function checkedStock({ stock }: Pick<InventoryCollections, 'stock'>): Promise<StockDocument[]> {
  const documents = await stock.find().sort({ _id: 1 }).toArray();
  for (const { _id, available, reserved, sold, received, holds } of documents) {
    expect(
      Math.min(available, reserved, sold, received),
      `no count of ${_id} is below zero`,
    ).toBeGreaterThanOrEqual(0);
    expect(available + reserved + sold, `every unit of ${_id} is accounted for`).toBe(received);
    const held = holds.reduce((sum, { quantity }) => sum + quantity, 0);
    expect(reserved, `what is reserved of ${_id} is held`).toBe(held);
    const orderIds = holds.map(({ orderId }) => orderId);
    expect(new Set(orderIds).size, `no order holds ${_id} twice`).toBe(orderIds.length);
  }
  return documents;
}
