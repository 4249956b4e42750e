import { z } from 'zod';
import { identifier } from '../domain/order.ts';
import { parse } from '../domain/validation.ts';

/** Which events to show: at most `limit` (1 to 1000, default 20) of the newest, of one order or of all. */
export interface EventFilter {
  readonly orderId?: string;
  readonly limit?: number;
}

const LIMIT_FIX = 'use a whole number from 1 to 1000';

const filterSchema = z.strictObject({
  orderId: identifier().optional(),
  limit: z.int(LIMIT_FIX).min(1, LIMIT_FIX).max(1_000, LIMIT_FIX).default(20),
});

/** @throws ConcordError `InvalidInput`, naming each field and the fix. */
export function parseEventFilter(input: unknown): z.output<typeof filterSchema> {
  return parse(filterSchema, input);
}
