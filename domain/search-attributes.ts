import type { Line } from './order.ts';

/** The search attributes of an order, by which lists can be filtered, with Temporal's names of their types. */
export const searchAttributeTypes = {
  /** `pending`; how it was decided, once the order is done or, if it doesn't get on, once it needs attention. */
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
  const skus = lines.map(({ sku }) => sku);
  // It refuses a value of more than 2048 bytes, as JSON; SKUs are ASCII.
  while (JSON.stringify(skus).length > 2_000) skus.pop();
  return skus;
}
