import type { Line } from './order.ts';

/** The search attributes of an order, by which lists can be filtered, with Temporal's names of their types. */
export const searchAttributeTypes = {
  /** `pending`, and from the decision on `confirmed`, `rejected` or `cancelled`. */
  OrderStatus: 'Keyword',
  OrderCustomer: 'Keyword',
  /** Its SKUs, as many as fit. */
  OrderSkus: 'KeywordList',
  OrderStrategy: 'Keyword',
  /** True while a step is stuck, and for good if the order has stopped on an error. */
  OrderNeedsAttention: 'Bool',
} as const;

export type SearchAttributeName = keyof typeof searchAttributeTypes;

export const searchAttributeNames = Object.keys(searchAttributeTypes) as SearchAttributeName[];

/** Returns the SKUs of an order, as many as Temporal takes as one value. */
export function indexedSkus(lines: readonly Line[]): string[] {
  let size = 0;
  return lines
    .map(({ sku }) => sku)
    .filter((sku) => {
      size += sku.length + SEPARATORS;
      return size <= MAXIMUM_SIZE;
    });
}

// Temporal refuses a value of more than 2048 bytes; as JSON, a SKU (which is ASCII) has two quotes and a comma.
const MAXIMUM_SIZE = 2_000;
const SEPARATORS = 3;
