import { z } from 'zod';
import {
  finalStatuses,
  identifier,
  type Order,
  type OrderOutcome,
  type OrderStatus,
  orderStatuses,
  parseOrder,
  type Reason,
} from './order.ts';
import { refusalFields } from './participant.ts';
import { type Strategy, strategies } from './strategies.ts';
import { parse } from './validation.ts';

/**
 * What the order service knows of an order. Times are ISO 8601. In a list, one whose document is damaged says so as its reason,
 * `DamagedOrder`; what can't be told of it is empty.
 */
export interface OrderRecord extends Order {
  readonly strategy: Strategy;
  readonly status: OrderStatus;
  readonly reason?: Reason;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Which orders to list: at most `limit` (1 to 1000, default 20) of this status, customer and strategy. */
export interface OrderFilter {
  readonly status?: OrderStatus;
  readonly customerId?: string;
  readonly strategy?: Strategy;
  readonly limit?: number;
}

const MAXIMUM_LIMIT = 1000;
const DEFAULT_LIMIT = 20;

const filterSchema = z.strictObject({
  status: z.enum(orderStatuses, `use one of ${orderStatuses.join(', ')}`).optional(),
  customerId: identifier().optional(),
  strategy: z.enum(strategies, `use one of ${strategies.join(', ')}`).optional(),
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

const DATE_FIX = 'use a date';

const storedSchema = z.object({
  ...{ orderId: identifier(), customerId: identifier(), lines: z.unknown() },
  status: z.enum(orderStatuses, `use one of ${orderStatuses.join(', ')}`),
  strategy: z.enum(strategies, `use one of ${strategies.join(', ')}`),
  reason: refusalFields().reason.optional(),
  createdAt: z.date(DATE_FIX),
  updatedAt: z.date(DATE_FIX),
});

/** Checks what is on record of an order, where somebody may have changed it. @throws ConcordError `InvalidInput` */
export function checkStored(stored: unknown): void {
  const { orderId, customerId, lines } = parse(storedSchema, stored);
  parseOrder({ orderId, customerId, lines });
}

const outcomeSchema = z.strictObject({
  orderId: identifier(),
  status: z.enum(finalStatuses, `use one of ${finalStatuses.join(', ')}`),
  reason: refusalFields().reason.optional(),
});

/** How an order is said to have ended. @throws ConcordError `InvalidInput`, naming each field and the fix. */
export function parseOutcome(input: unknown): OrderOutcome {
  const { orderId, status, reason } = parse(outcomeSchema, input);
  return { orderId, status, ...(reason === undefined ? {} : { reason: reason as Reason }) };
}
