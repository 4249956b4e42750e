import { ConcordError } from '../../domain/errors.ts';
import type { Page, PageOptions } from '../../domain/page.ts';
import { refusalsOf } from '../../domain/participant.ts';
import type { Receipt, StockLevel } from '../../domain/stock.ts';
import { parseReceipt, parseStockQuestion, STOCK_COUNTS, STOCK_LIMIT } from '../../domain/stock.ts';
import { invalidInput } from '../../domain/validation.ts';
import { insertUnlessPresent, READ_COMMITTED, unlessTaken } from '../mongodb/client.ts';
import { pageOf } from '../mongodb/page.ts';
import { type InventoryCollections, prune, type StockDocument } from './documents.ts';

const { attemptExpired } = refusalsOf('inventory');

/** The inventory's work beside its part in orders. */
export type StockKeeping = ReturnType<typeof createStockKeeping>;

export function createStockKeeping({ stock, receipts }: Pick<InventoryCollections, 'stock' | 'receipts'>) {
  return {
    /** Adds what was delivered, once, however often it is called. @throws ConcordError `InvalidInput`, `StockLimit` */
    async receive(input: Receipt): Promise<StockLevel> {
      const receipt = parseReceipt(input);
      const { receiptId, sku } = receipt;
      const attempt = await openReceipt(receipt);
      if (attempt !== null) {
        await addUnits(receipt, await claim(receipt, await announceUnits(receipt, attempt)));
        await receipts.updateOne(
          { _id: receiptId, state: 'open' },
          { $set: { state: 'applied' }, $currentDate: { changedAt: true } },
        );
      }
      // An attempt that announced the units once more and died has left its entry.
      const left = { _id: sku, 'arriving.receiptId': receiptId };
      await stock.updateOne(left, { $pull: { arriving: { receiptId } } });
      const [level] = await readLevels([sku]);
      if (level === undefined) throw new ConcordError('UnknownSku', { sku });
      return level;
    },

    /** Reads the levels of these SKUs, or a page of all if there are none, sorted by SKU. @throws ConcordError `UnknownSku` */
    async readStock(input: readonly string[], page: PageOptions = {}): Promise<Page<StockLevel>> {
      const { skus, limit, after = '' } = parseStockQuestion(input, page);
      if (skus.length === 0) return pageOf(levelsAfter(after, limit + 1), limit, ({ sku }) => sku);
      const items = await readLevels(skus);
      const unknown = skus.find((sku) => !items.some((level) => level.sku === sku));
      if (unknown !== undefined) throw new ConcordError('UnknownSku', { sku: unknown });
      return { items };
    },
  };

  /** Lets an attempt in, and returns its number; null if the units were added before. */
  async function openReceipt({ receiptId, sku, quantity }: Receipt): Promise<number | null> {
    const opened = await unlessTaken(() =>
      receipts.findOneAndUpdate(
        { _id: receiptId, sku, quantity, state: 'open' },
        { $inc: { attempts: 1 }, $currentDate: { changedAt: true } },
        { upsert: true, returnDocument: 'after' },
      ),
    );
    if (opened?.changedAt !== undefined) {
      await prune(stock, sku, opened.changedAt);
      return opened.attempts;
    }
    const found = await receipts.findOne({ _id: receiptId }, READ_COMMITTED);
    if (found === null) throw attemptExpired(receiptId);
    if (found.sku !== sku || found.quantity !== quantity)
      throw invalidInput('receiptId', 'this id is taken by another delivery; use a new one');
    if (found.state === 'open') throw attemptExpired(receiptId);
    return null;
  }

  /** Puts the receipt into the stock document, still without its units. Returns the attempt whose entry is there. */
  async function announceUnits(receipt: Receipt, attempt: number): Promise<number> {
    const { receiptId, sku } = receipt;
    const announce = () =>
      stock.updateOne(
        { ...roomFor(receipt), 'arriving.receiptId': { $ne: receiptId } },
        { $push: { arriving: { receiptId, attempt } } },
      );
    if ((await announce()).matchedCount === 1) return attempt;
    const empty = { _id: sku, available: 0, reserved: 0, sold: 0, received: 0, holds: [], settled: [] };
    if ((await insertUnlessPresent(stock, empty)) && (await announce()).matchedCount === 1) return attempt;
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    const announced = found?.arriving?.find((entry) => entry.receiptId === receiptId);
    if (announced !== undefined) return announced.attempt;
    throw refusalOf(found, receipt);
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

  /** Adding the units uses an entry up, so if it is gone, they are there. */
  async function addUnits(receipt: Receipt, attempt: number): Promise<void> {
    const { receiptId, sku, quantity } = receipt;
    const entry = { receiptId, attempt };
    const { matchedCount } = await stock.updateOne(
      { ...roomFor(receipt), arriving: { $elemMatch: entry } },
      { $inc: { available: quantity, received: quantity }, $pull: { arriving: entry } },
    );
    if (matchedCount === 1) return;
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    const isLeft = found?.arriving?.some((left) => left.receiptId === receiptId && left.attempt === attempt);
    if (isLeft) throw refusalOf(found, receipt);
  }

  async function readLevels(skus: readonly string[]): Promise<StockLevel[]> {
    const found = stock.find({ _id: { $in: [...skus] } }, LEVELS).sort({ _id: 1 });
    return (await found.toArray()).map(levelOf);
  }

  function levelsAfter(sku: string, limit: number): AsyncIterable<StockLevel> {
    const found = stock.find({ _id: { $gt: sku } }, { ...LEVELS, limit, batchSize: limit });
    return found.sort({ _id: 1 }).map(levelOf);
  }
}

const projection = { available: 1, reserved: 1, sold: 1, received: 1 };
const LEVELS = { ...READ_COMMITTED, projection };

function levelOf({ _id: sku, available, reserved, sold, received }: StockDocument): StockLevel {
  const counts = { available, reserved, sold, received };
  const damaged = STOCK_COUNTS.find((count) => !Number.isFinite(counts[count]));
  if (damaged === undefined) return { sku, ...counts };
  return { sku, available: 0, reserved: 0, sold: 0, received: 0, damaged: `${damaged} is no number` };
}

/** Finds the SKU's document while it has room for the units. */
function roomFor({ sku, quantity }: Receipt) {
  return { _id: sku, received: { $lte: STOCK_LIMIT - quantity } };
}

function refusalOf(found: StockDocument | null, { receiptId, sku, quantity }: Receipt): ConcordError {
  const isFull = found !== null && found.received > STOCK_LIMIT - quantity;
  return isFull ? new ConcordError('StockLimit', { sku, limit: STOCK_LIMIT }) : attemptExpired(receiptId);
}
