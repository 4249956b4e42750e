import { z } from 'zod';
import { wholeNumber } from './validation.ts';

/** A part of a list that may be too long for one answer. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** What the next page comes after; absent in the last one. */
  readonly next?: string;
}

/** Which part of a list: at most `limit` (1 to 1000, default 20), `after` the item of this id. */
export interface PageOptions {
  readonly limit?: number;
  readonly after?: string;
}

export const MAXIMUM_LIMIT = 1000;
export const DEFAULT_LIMIT = 20;

const AFTER_FIX = 'give the id of the last one that you have';

// A function returns the schemas, for the reason that `order.ts` gives.
export const pageFields = () => ({
  limit: wholeNumber(1, MAXIMUM_LIMIT).default(DEFAULT_LIMIT),
  // Not only a sound id: also a damaged record can be the last of a page.
  after: z.string(AFTER_FIX).min(1, AFTER_FIX).optional(),
});
