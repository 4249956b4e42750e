import { z } from 'zod';
import { identifier, type Order, type OrderStatus, orderStatuses, type Reason } from './order.ts';
import { parse } from './validation.ts';

/** What the order service knows of an order. Times are ISO 8601. */
export interface OrderRecord extends Order {
  readonly status: OrderStatus;
  readonly reason?: Reason;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Which orders to list: at most `limit` (1 to 1000, default 20) of this status and this customer. */
export interface OrderFilter {
  readonly status?: OrderStatus;
  readonly customerId?: string;
  readonly limit?: number;
}

const MAXIMUM_LIMIT = 1000;
const DEFAULT_LIMIT = 20;

const filterSchema = z.strictObject({
  status: z.enum(orderStatuses, `use one of ${orderStatuses.join(', ')}`).optional(),
  customerId: identifier.optional(),
  limit: z
    .int(`use a whole number from 1 to ${MAXIMUM_LIMIT}`)
    .min(1, `use a whole number from 1 to ${MAXIMUM_LIMIT}`)
    .max(MAXIMUM_LIMIT, `use a whole number from 1 to ${MAXIMUM_LIMIT}`)
    .default(DEFAULT_LIMIT),
});

/** @throws ConcordError `InvalidInput`, naming each field and the fix. */
export function parseOrderFilter(input: unknown): z.output<typeof filterSchema> {
  return parse(filterSchema, input);
}
