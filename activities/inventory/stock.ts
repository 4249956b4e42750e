import { ConcordError } from '../../domain/errors.ts';
import { parseReceipt, parseSkus, type Receipt, STOCK_LIMIT, type StockLevel } from '../../domain/stock.ts';
import { insertUnlessPresent, isDuplicateKey, READ_COMMITTED } from '../mongodb/client.ts';
import { type InventoryCollections, prune, refusals, type StockDocument } from './documents.ts';

const { attemptExpired } = refusals;

/** What the inventory does beside taking part in orders. */
export interface StockKeeping {
  /** Adds what was delivered, once, however often it is called. @throws ConcordError `InvalidInput`, `StockLimit` */
  receive(receipt: Receipt): Promise<StockLevel>;
  /** The levels of these SKUs, or of all where the list is empty, sorted by SKU. @throws ConcordError `UnknownSku` */
  readStock(skus: readonly string[]): Promise<StockLevel[]>;
}

/** Where deliveries come in, and where people look. */
export function createStockKeeping({
  stock,
  receipts,
}: Pick<InventoryCollections, 'stock' | 'receipts'>): StockKeeping {
  return {
    async receive(input) {
      const receipt = parseReceipt(input);
      const attempt = await openReceipt(receipt);
      if (attempt !== null) {
        await addUnits(receipt, await claim(receipt, await announceUnits(receipt, attempt)));
        await closeReceipt(receipt);
      }
      // An attempt that announced them once more and died has left its entry.
      await forget(receipt);
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

  /** Lets an attempt in, and returns its number; null where the units were added before. */
  async function openReceipt({ receiptId, sku, quantity }: Receipt): Promise<number | null> {
    try {
      const opened = await receipts.findOneAndUpdate(
        { _id: receiptId, sku, quantity, state: 'open' },
        { $inc: { attempts: 1 }, $currentDate: { changedAt: true } },
        { upsert: true, returnDocument: 'after' },
      );
      if (opened?.changedAt === undefined) throw attemptExpired(receiptId);
      await prune(stock, sku, opened.changedAt);
      return opened.attempts;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const found = await receipts.findOne({ _id: receiptId }, READ_COMMITTED);
      if (found === null) throw attemptExpired(receiptId);
      if (found.sku !== sku || found.quantity !== quantity) throw receiptIdTaken();
      if (found.state === 'open') throw attemptExpired(receiptId);
      return null;
    }
  }

  /** Puts the receipt into the stock document, still without its units. Returns the attempt whose entry is there. */
  async function announceUnits({ receiptId, sku, quantity }: Receipt, attempt: number): Promise<number> {
    const announce = () =>
      stock.updateOne(
        { _id: sku, received: { $lte: STOCK_LIMIT - quantity }, 'arriving.receiptId': { $ne: receiptId } },
        { $push: { arriving: { receiptId, attempt } } },
      );
    if ((await announce()).matchedCount === 1) return attempt;
    if (await insertUnlessPresent(stock, emptyStock(sku))) {
      if ((await announce()).matchedCount === 1) return attempt;
    }
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    const announced = found?.arriving?.find((entry) => entry.receiptId === receiptId);
    if (announced !== undefined) return announced.attempt;
    throw refusalOf(found, { receiptId, sku, quantity });
  }

  /** Chooses the attempt whose entry adds the units, once: of two entries for one receipt, the other is worth nothing. */
  async function claim({ receiptId }: Receipt, attempt: number): Promise<number> {
    const unclaimed = { _id: receiptId, addedBy: { $exists: false } };
    const { matchedCount } = await receipts.updateOne(unclaimed, { $set: { addedBy: attempt } });
    if (matchedCount === 1) return attempt;
    const found = await receipts.findOne({ _id: receiptId }, READ_COMMITTED);
    if (found?.addedBy === undefined) throw attemptExpired(receiptId);
    return found.addedBy;
  }

  /** An entry is used up as its units are added. So where it is gone, they are there. */
  async function addUnits({ receiptId, sku, quantity }: Receipt, attempt: number): Promise<void> {
    const entry = { receiptId, attempt };
    const { matchedCount } = await stock.updateOne(
      { _id: sku, received: { $lte: STOCK_LIMIT - quantity }, arriving: { $elemMatch: entry } },
      { $inc: { available: quantity, received: quantity }, $pull: { arriving: entry } },
    );
    if (matchedCount === 1) return;
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    const isLeft = found?.arriving?.some((left) => left.receiptId === receiptId && left.attempt === attempt);
    if (isLeft) throw refusalOf(found, { receiptId, sku, quantity });
  }

  async function closeReceipt({ receiptId }: Receipt): Promise<void> {
    await receipts.updateOne(
      { _id: receiptId, state: 'open' },
      { $set: { state: 'applied' }, $currentDate: { changedAt: true } },
    );
  }

  async function forget({ receiptId, sku }: Receipt): Promise<void> {
    await stock.updateOne(
      { _id: sku, 'arriving.receiptId': receiptId },
      { $pull: { arriving: { receiptId } } },
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

function refusalOf(found: StockDocument | null, { receiptId, sku, quantity }: Receipt): ConcordError {
  if (found !== null && found.received > STOCK_LIMIT - quantity) {
    return new ConcordError('StockLimit', { sku, limit: STOCK_LIMIT });
  }
  return attemptExpired(receiptId);
}

function receiptIdTaken(): ConcordError {
  return new ConcordError('InvalidInput', {
    problems: [{ field: 'receiptId', fix: 'this id is taken by another delivery; use a new one' }],
  });
}
