import { z } from 'zod';
import { defined } from './defined.ts';
import { ConcordError } from './errors.ts';
import type { FinalStatus, Order, OrderOutcome, Reason } from './order.ts';
import { finalStatuses, reasonBy } from './order.ts';
import { orderDetails, resolutionSummary } from './order-text.ts';
import { workflowIdOf } from './place-order.ts';
import type { Strategy } from './strategies.ts';
import { oneOf, parse, wholeNumber, whyText } from './validation.ts';

/** A participant's record of an order; `rolled-back` if it keeps no reason. */
export type RecordedStatus = 'unknown' | 'preparing' | 'prepared' | 'rolled-back' | FinalStatus;

/** A participant that can say how far it is; reads only. */
export interface Inspectable {
  readonly inspect: (order: Order) => Promise<RecordedStatus>;
}

export type RecordedStatuses = Readonly<Record<string, RecordedStatus>>;

/** The workflow that placed an order, as Temporal knows it; `unknown` also if its history is no longer kept. */
export interface Coordinator {
  readonly state: 'running' | 'closed' | 'unknown';
}

/** An order that nobody will settle. */
export interface Orphan {
  readonly order: Order;
  readonly strategy: Strategy;
  readonly coordinator: Exclude<Coordinator['state'], 'running'>;
}

/** A request of an operator or the reaper. Without `as`, what is on record decides how the order ends. */
export interface ResolveRequest {
  readonly as?: FinalStatus;
  /** Why, in at most 200 characters. */
  readonly reason?: string;
}

const requestSchema = z.strictObject({ as: oneOf(finalStatuses).optional(), reason: whyText().optional() });

export const parseResolveRequest = (input: unknown): ResolveRequest => defined(parse(requestSchema, input));

const MAXIMUM_HOLD_LIMIT = 365 * 24 * 60 * 60_000;
const HOLD_LIMIT_FIX = `use whole milliseconds from 0 to ${MAXIMUM_HOLD_LIMIT}`;
const holdLimitSchema = wholeNumber(0, MAXIMUM_HOLD_LIMIT, HOLD_LIMIT_FIX);

/** The age of holds that the reaper looks at: 0 to 365 days, in milliseconds. */
export const parseHoldLimit = (input: unknown): number => parse(holdLimitSchema, input, 'holdLimit');

/** The workflow that settles what an order's own workflow left behind. */
export const resolutionIdOf = (orderId: string): string => `resolve/${orderId}`;

/**
 * Returns the start options of that workflow. It runs beside the order's own workflow, which is closed. If Temporal no
 * longer knows of that one, it takes its id, so that nobody can place the order meanwhile.
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
 * Returns how an order ends whose workflow is gone: never against an answer or a sale that is on record.
 *
 * @throws ConcordError `CannotResolve` if what is asked contradicts what is on record.
 */
export function resolutionOf(
  orderId: string,
  { as, reason }: ResolveRequest,
  statuses: RecordedStatuses,
): OrderOutcome {
  // If nobody has recorded an end, nobody was promised anything.
  const status = as ?? finalStatuses.find((final) => Object.values(statuses).includes(final)) ?? 'rejected';
  const contrary = Object.entries(statuses).find(([, found]) => !COMPATIBLE[status].includes(found));
  if (contrary !== undefined) {
    const because = `${contrary[0]} has it as ${contrary[1]}`;
    throw new ConcordError('CannotResolve', { orderId, status, because });
  }
  if (status === 'confirmed') return { orderId, status };
  return { orderId, status, reason: reasonOf(orderId, status, reason) };
}

const COMPATIBLE: Readonly<Record<FinalStatus, readonly RecordedStatus[]>> = {
  confirmed: ['prepared', 'confirmed'],
  rejected: ['unknown', 'preparing', 'prepared', 'rolled-back', 'rejected'],
  cancelled: ['unknown', 'preparing', 'prepared', 'rolled-back', 'cancelled'],
};

function reasonOf(orderId: string, status: FinalStatus, text: string | undefined): Reason {
  if (status === 'cancelled') return { code: 'Cancelled', message: text ?? 'cancelled by an operator' };
  const given = reasonBy(new ConcordError('Abandoned', { orderId }));
  return { ...given, message: text ?? given.message };
}
