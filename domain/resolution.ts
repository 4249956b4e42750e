import { z } from 'zod';
import { ConcordError } from './errors.ts';
import { type FinalStatus, finalStatuses, type Order, type OrderOutcome, type Reason } from './order.ts';
import { orderDetails, resolutionSummary } from './order-text.ts';
import { workflowIdOf } from './place-order.ts';
import type { Strategy } from './strategies.ts';
import { parse } from './validation.ts';

/** What a participant has on record of an order. A service that keeps no reason says `rolled-back`. */
export type RecordedStatus = 'unknown' | 'preparing' | 'prepared' | 'rolled-back' | FinalStatus;

/** A participant that can say how far it is; reads only. */
export interface Inspectable {
  readonly inspect: (order: Order) => Promise<RecordedStatus>;
}

export type RecordedStatuses = Readonly<Record<string, RecordedStatus>>;

/** What became of the workflow that placed an order, as Temporal knows it. */
export interface Coordinator {
  /** `unknown`: there was none, or its history is no longer kept. */
  readonly state: 'running' | 'closed' | 'unknown';
}

/** An order that nobody will settle. */
export interface Orphan {
  readonly order: Order;
  readonly strategy: Strategy;
  readonly coordinator: Exclude<Coordinator['state'], 'running'>;
}

/** What an operator, or the reaper, asks for. Without `as` the order ends as what is on record demands. */
export interface ResolveRequest {
  readonly as?: FinalStatus;
  /** Why, in at most 200 characters. */
  readonly reason?: string;
}

const requestSchema = z.strictObject({
  as: z.enum(finalStatuses, `use one of ${finalStatuses.join(', ')}`).optional(),
  reason: z.string().min(1, 'say why').max(200, 'use at most 200 characters').optional(),
});

/** @throws ConcordError `InvalidInput`, naming each field and the fix. */
export function parseResolveRequest(input: unknown): z.output<typeof requestSchema> {
  return parse(requestSchema, input);
}

const MAXIMUM_HOLD_LIMIT = 365 * 24 * 60 * 60_000;
const HOLD_LIMIT_FIX = `use whole milliseconds from 0 to ${MAXIMUM_HOLD_LIMIT}`;
const holdLimitSchema = z.int(HOLD_LIMIT_FIX).min(0, HOLD_LIMIT_FIX).max(MAXIMUM_HOLD_LIMIT, HOLD_LIMIT_FIX);

/** How old a hold is before the reaper looks at it: 0 to 365 days, in milliseconds. @throws ConcordError `InvalidInput` */
export function parseHoldLimit(input: unknown): number {
  return parse(holdLimitSchema, input, 'holdLimit');
}

/** The workflow that settles what an order's own workflow left behind. */
export function resolutionIdOf(orderId: string): string {
  return `resolve/${orderId}`;
}

/**
 * What that workflow is started with, whoever starts it: it runs beside the order's own, which is closed; where nobody knows
 * of that one any more, it takes its place, so that nobody can place the order meanwhile.
 */
export function resolutionStart({ order, strategy, coordinator }: Orphan) {
  const { orderId } = order;
  return {
    ...(coordinator === 'unknown'
      ? { workflowId: workflowIdOf(orderId), workflowIdReusePolicy: 'REJECT_DUPLICATE' as const }
      : { workflowId: resolutionIdOf(orderId) }),
    taskQueue: 'orders',
    staticSummary: resolutionSummary(order),
    staticDetails: orderDetails(order, strategy),
  };
}

/**
 * How an order whose workflow is gone may end, so that no answer that was given and no unit of stock is betrayed.
 *
 * @throws ConcordError `CannotResolve` where what is asked contradicts what is durable.
 */
export function resolutionOf(
  orderId: string,
  { as, reason }: ResolveRequest,
  statuses: RecordedStatuses,
): OrderOutcome {
  const status = as ?? demanded(statuses);
  const because = obstacle(status, statuses);
  if (because !== undefined) throw new ConcordError('CannotResolve', { orderId, status, because });
  if (status === 'confirmed') return { orderId, status };
  return { orderId, status, reason: reasonOf(orderId, status, reason) };
}

/** What is on record already decides; where nothing is, nobody was promised anything. */
function demanded(statuses: RecordedStatuses): FinalStatus {
  return finalStatuses.find((status) => Object.values(statuses).includes(status)) ?? 'rejected';
}

function obstacle(status: FinalStatus, statuses: RecordedStatuses): string | undefined {
  const compatible = COMPATIBLE[status];
  const contrary = Object.entries(statuses).find(([, status]) => !compatible.includes(status));
  return contrary && `${contrary[0]} has it as ${contrary[1]}`;
}

const COMPATIBLE: Readonly<Record<FinalStatus, readonly RecordedStatus[]>> = {
  confirmed: ['prepared', 'confirmed'],
  rejected: ['unknown', 'preparing', 'prepared', 'rolled-back', 'rejected'],
  cancelled: ['unknown', 'preparing', 'prepared', 'rolled-back', 'cancelled'],
};

function reasonOf(orderId: string, status: FinalStatus, text: string | undefined): Reason {
  if (status === 'cancelled') return { code: 'Cancelled', message: text ?? 'cancelled by an operator' };
  const { code, message, details } = new ConcordError('Abandoned', { orderId });
  return { code, message: text ?? message, details: { ...details } };
}
