import type { Line } from './order.ts';

/** What Temporal indexes of an order, so that lists can ask for it: by name, with the type in Temporal's words. */
export const searchAttributeTypes = {
  /** `pending`, and from the decision on `confirmed`, `rejected` or `cancelled`. */
  OrderStatus: 'Keyword',
  OrderCustomer: 'Keyword',
  /** Each SKU of the order, as far as they fit. */
  OrderSkus: 'KeywordList',
  OrderStrategy: 'Keyword',
  /** True while a step fails again and again or waits too long, and for good where the order has stopped on an error. */
  OrderNeedsAttention: 'Bool',
} as const;

export type SearchAttributeName = keyof typeof searchAttributeTypes;

export const searchAttributeNames = Object.keys(searchAttributeTypes) as SearchAttributeName[];

/** The SKUs of an order, but of a very long one only the first that Temporal takes as one value. */
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
