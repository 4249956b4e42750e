import { z } from 'zod';
import { identifier, quantity } from './order.ts';
import { pageFields } from './page.ts';
import { invalidInput, parse } from './validation.ts';

export const STOCK_COUNTS = ['available', 'reserved', 'sold', 'received'] as const;

/** The counts of one SKU, in units. `available + reserved + sold = received`, always. */
export interface StockLevel extends Readonly<Record<(typeof STOCK_COUNTS)[number], number>> {
  readonly sku: string;
  /** What is wrong with the SKU's document, if somebody has damaged it; then all counts are 0, and claim nothing. */
  readonly damaged?: string;
}

/** No count of a SKU goes above this, so that every sum stays a safe integer. */
export const STOCK_LIMIT = Number.MAX_SAFE_INTEGER;

const MAXIMUM_SKUS = 1000;

const receiptSchema = z.strictObject({ receiptId: identifier(), sku: identifier(), quantity: quantity() });

/** Units that arrived at the warehouse. The receipt id makes repeating it harmless. */
export type Receipt = Readonly<z.output<typeof receiptSchema>>;

const skusSchema = z.array(identifier()).max(MAXIMUM_SKUS, `ask for at most ${MAXIMUM_SKUS} SKUs`);
const pageSchema = z.strictObject(pageFields());

export const parseReceipt = (input: unknown): Receipt => parse(receiptSchema, input);

export function parseStockQuestion(skus: unknown, page: unknown) {
  const question = { skus: parse(skusSchema, skus, 'skus'), ...parse(pageSchema, page) };
  const isOfPage = Object.values(page as object).some((value) => value !== undefined);
  if (question.skus.length > 0 && isOfPage)
    throw invalidInput('limit and after', 'use them without SKUs: those that are named are one answer');
  return question;
}
