import { z } from 'zod';
import { identifier } from '../domain/order.ts';
import { pageFields } from '../domain/page.ts';
import { parse } from '../domain/validation.ts';

/** Which events to show: at most `limit` (1 to 1000, default 20) of the newest, of one order or of all. */
export interface EventFilter {
  readonly orderId?: string;
  readonly limit?: number;
}

const filterSchema = z.strictObject({
  orderId: identifier().optional(),
  limit: pageFields().limit,
});

export function parseEventFilter(input: unknown): z.output<typeof filterSchema> {
  return parse(filterSchema, input);
}
