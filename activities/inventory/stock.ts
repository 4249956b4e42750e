import { ConcordError } from '../../domain/errors.ts';
import { parseReceipt, parseSkus, type Receipt, STOCK_LIMIT, type StockLevel } from '../../domain/stock.ts';
import { insertUnlessPresent, isDuplicateKey, READ_COMMITTED } from '../mongodb/client.ts';
import {
  after,
  attemptExpired,
  DEFAULT_INVENTORY_LIMITS,
  type InventoryCollections,
  type InventoryLimits,
  prune,
  type StockDocument,
} from './documents.ts';

/** What the inventory does beside taking part in orders. */
export interface InventoryDesk {
  /** Adds what was delivered, once, however often it is called. @throws ConcordError `InvalidInput`, `StockLimit` */
  receive(receipt: Receipt): Promise<StockLevel>;
  /** The levels of these SKUs, or of all where the list is empty, sorted by SKU. @throws ConcordError `UnknownSku` */
  readStock(skus: readonly string[]): Promise<StockLevel[]>;
}

/** Where deliveries come in, and where people look. */
export function createInventoryDesk(
  { stock, receipts }: Pick<InventoryCollections, 'stock' | 'receipts'>,
  { attemptLifetime, tombstoneMargin }: InventoryLimits = DEFAULT_INVENTORY_LIMITS,
): InventoryDesk {
  return {
    async receive(input) {
      const receipt = parseReceipt(input);
      const openedAt = await openReceipt(receipt);
      if (openedAt !== null) {
        await prune(stock, receipt.sku, openedAt);
        await addUnits(receipt, after(openedAt, attemptLifetime));
      }
      await closeReceipt(receipt);
      const [level] = await readLevels([receipt.sku]);
      if (level === undefined) throw new ConcordError('UnknownSku', { sku: receipt.sku });
      return level;
    },

    async readStock(input) {
      const skus = parseSkus(input);
      const levels = await readLevels(skus);
      const unknown = skus.find((sku) => !levels.some((level) => level.sku === sku));
      if (unknown !== undefined) throw new ConcordError('UnknownSku', { sku: unknown });
      return levels;
    },
  };

  /** Lets a delivery in, and returns the database's time; null where it was applied before. */
  async function openReceipt({ receiptId, sku, quantity }: Receipt): Promise<Date | null> {
    try {
      const opened = await receipts.findOneAndUpdate(
        { _id: receiptId, sku, quantity, state: 'open' },
        { $currentDate: { changedAt: true } },
        { upsert: true, returnDocument: 'after' },
      );
      if (opened?.changedAt === undefined) throw attemptExpired(receiptId);
      return opened.changedAt;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const found = await receipts.findOne({ _id: receiptId }, READ_COMMITTED);
      if (found === null) throw attemptExpired(receiptId);
      if (found.sku !== sku || found.quantity !== quantity) throw receiptIdTaken();
      if (found.state === 'open') throw attemptExpired(receiptId);
      return null;
    }
  }

  async function addUnits({ receiptId, sku, quantity }: Receipt, deadline: Date): Promise<void> {
    const marker = { id: receiptMarker(receiptId), until: null };
    const add = () =>
      stock.updateOne(
        {
          _id: sku,
          received: { $lte: STOCK_LIMIT - quantity },
          'settled.id': { $ne: marker.id },
          $expr: { $lt: ['$$NOW', deadline] },
        },
        { $inc: { available: quantity, received: quantity }, $push: { settled: marker } },
      );
    if ((await add()).matchedCount === 1) return;
    if (await insertUnlessPresent(stock, emptyStock(sku))) {
      if ((await add()).matchedCount === 1) return;
    }
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found?.settled.some(({ id }) => id === marker.id)) return;
    if (found !== null && found.received > STOCK_LIMIT - quantity) {
      throw new ConcordError('StockLimit', { sku, limit: STOCK_LIMIT });
    }
    throw attemptExpired(receiptId);
  }

  /** From here on the receipt itself remembers; the marker in the stock document need only outlive running attempts. */
  async function closeReceipt({ receiptId, sku }: Receipt): Promise<void> {
    await receipts.updateOne(
      { _id: receiptId, state: 'open' },
      { $set: { state: 'applied' }, $currentDate: { changedAt: true } },
    );
    const found = await receipts.findOne({ _id: receiptId, state: 'applied' }, READ_COMMITTED);
    if (found?.changedAt === undefined) throw attemptExpired(receiptId);
    await stock.updateOne(
      { _id: sku, 'settled.id': receiptMarker(receiptId) },
      { $set: { 'settled.$.until': after(found.changedAt, attemptLifetime + tombstoneMargin) } },
    );
  }

  async function readLevels(skus: readonly string[]): Promise<StockLevel[]> {
    const filter = skus.length === 0 ? {} : { _id: { $in: [...skus] } };
    const fields = { available: 1, reserved: 1, sold: 1, received: 1 } as const;
    const found = await stock
      .find(filter, { ...READ_COMMITTED, projection: fields })
      .sort({ _id: 1 })
      .toArray();
    return found.map(({ _id: sku, available, reserved, sold, received }) => ({
      sku,
      available,
      reserved,
      sold,
      received,
    }));
  }
}

function emptyStock(sku: string): StockDocument {
  return { _id: sku, available: 0, reserved: 0, sold: 0, received: 0, holds: [], settled: [] };
}

// A slash is in no identifier, so a receipt is never taken for an order.
function receiptMarker(receiptId: string): string {
  return `receipt/${receiptId}`;
}

function receiptIdTaken(): ConcordError {
  return new ConcordError('InvalidInput', {
    problems: [{ field: 'receiptId', fix: 'this id is taken by another delivery; use a new one' }],
  });
}
