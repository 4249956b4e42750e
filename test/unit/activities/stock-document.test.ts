import { BSON } from 'mongodb';
import { expect, test } from 'vitest';
import { DEFAULT_INVENTORY_LIMITS, type StockDocument } from '../../../activities/inventory/documents.ts';
import { STOCK_LIMIT } from '../../../domain/stock.ts';

/** What MongoDB takes: 16 MiB. */
const DOCUMENT_LIMIT = 16 * 1024 * 1024;

test('a stock document takes as many holds as may be, the longest there are, and a tombstone of each', () => {
  const id = 'x'.repeat(100);
  const places = Array.from({ length: DEFAULT_INVENTORY_LIMITS.maximumHolds });
  const document: StockDocument = {
    _id: id,
    available: STOCK_LIMIT,
    reserved: STOCK_LIMIT,
    sold: STOCK_LIMIT,
    received: STOCK_LIMIT,
    holds: places.map(() => ({ orderId: id, quantity: STOCK_LIMIT, attempt: STOCK_LIMIT })),
    settled: places.map(() => ({ id, until: new Date() })),
    arriving: [],
  };
  expect(BSON.calculateObjectSize(document)).toBeLessThan(DOCUMENT_LIMIT);
});
