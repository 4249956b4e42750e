import { z } from 'zod';
import { defined } from './defined.ts';
import type { Order, OrderOutcome, OrderStatus, Reason } from './order.ts';
import { finalStatuses, identifier, orderStatuses, parseOrder } from './order.ts';
import { type PageOptions, pageFields } from './page.ts';
import { refusalFields } from './participant.ts';
import { type Strategy, strategies } from './strategies.ts';
import { oneOf, parse } from './validation.ts';

/**
 * The order service's record of an order. Times are ISO 8601. In a list, an order whose document is damaged has the
 * reason `DamagedOrder`, and what can't be read of it is empty.
 */
export interface OrderRecord extends Order {
  readonly strategy: Strategy;
  readonly status: OrderStatus;
  readonly reason?: Reason;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Which orders to list: those of this status, customer and strategy, by pages. */
export type OrderFilter = PageOptions & Partial<Pick<OrderRecord, 'status' | 'customerId' | 'strategy'>>;

const filterSchema = z.strictObject({
  status: oneOf(orderStatuses).optional(),
  customerId: identifier().optional(),
  strategy: oneOf(strategies).optional(),
  ...pageFields(),
});

export const parseOrderFilter = (input: unknown) => parse(filterSchema, input);

/** Which events of orders to list: at most `limit` (1 to 1000, default 20) of the newest, of one order or of all. */
export interface EventFilter extends Pick<PageOptions, 'limit'> {
  readonly orderId?: string;
}

const eventFilterSchema = z.strictObject({ orderId: identifier().optional(), limit: pageFields().limit });

export const parseEventFilter = (input: unknown) => parse(eventFilterSchema, input);

const storedSchema = z.object({
  orderId: identifier(),
  customerId: identifier(),
  lines: z.unknown(),
  status: oneOf(orderStatuses),
  strategy: oneOf(strategies),
  reason: refusalFields().reason.optional(),
  createdAt: z.date('use a date'),
  updatedAt: z.date('use a date'),
});

/** Checks an order's record, which somebody may have changed. @throws ConcordError `InvalidInput` */
export function checkStored(stored: unknown): void {
  const { orderId, customerId, lines } = parse(storedSchema, stored);
  parseOrder({ orderId, customerId, lines });
}

const outcomeSchema = z.strictObject({
  orderId: identifier(),
  status: oneOf(finalStatuses),
  reason: refusalFields().reason.optional(),
  joined: z.literal(true).optional(),
});

export const parseOutcome = (input: unknown) => defined(parse(outcomeSchema, input)) as OrderOutcome;
