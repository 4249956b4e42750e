import { z } from 'zod';
import { defined } from './defined.ts';
import { ConcordError } from './errors.ts';
import { type FinalStatus, finalStatuses, type Order, reasonBy } from './order.ts';
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

export type OperatorRequest = ResolveRequest & { readonly as: FinalStatus };

const requestSchema = z.strictObject({ as: oneOf(finalStatuses).optional(), reason: whyText().optional() });

export const parseResolveRequest = (input: unknown): ResolveRequest => defined(parse(requestSchema, input));

const YEAR = 365 * 24 * 60 * 60_000;
const holdLimitSchema = wholeNumber(0, YEAR, `use whole milliseconds from 0 to ${YEAR}`);

/** The age of holds that the reaper looks at: 0 to 365 days, in milliseconds. */
export const parseHoldLimit = (input: unknown): number => parse(holdLimitSchema, input, 'holdLimit');

/** The workflow that settles what an order's own workflow left behind. */
export const resolutionIdOf = (orderId: string): string => `resolve/${orderId}`;

/** It runs beside the order's own workflow; if Temporal knows that no more, under its id, so that nobody can place the order. */
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

/** How an order ends whose workflow is gone: never against what is on record. @throws ConcordError `CannotResolve` */
export function resolutionOf(orderId: string, { as, reason }: ResolveRequest, statuses: RecordedStatuses) {
  // If nobody has recorded an end, nobody was promised anything.
  const status = as ?? finalStatuses.find((final) => Object.values(statuses).includes(final)) ?? 'rejected';
  const contrary = Object.entries(statuses).find(([, found]) => !COMPATIBLE[status].includes(found));
  if (contrary !== undefined) {
    const because = `${contrary[0]} has it as ${contrary[1]}`;
    throw new ConcordError('CannotResolve', { orderId, status, because });
  }
  if (status === 'confirmed') return { orderId, status };
  const cancelled = { code: 'Cancelled', message: 'cancelled by an operator' };
  const given = status === 'cancelled' ? cancelled : reasonBy(new ConcordError('Abandoned', { orderId }));
  return { orderId, status, reason: { ...given, message: reason ?? given.message } };
}

const COMPATIBLE: Readonly<Record<FinalStatus, readonly RecordedStatus[]>> = {
  confirmed: ['prepared', 'confirmed'],
  rejected: ['unknown', 'preparing', 'prepared', 'rolled-back', 'rejected'],
  cancelled: ['unknown', 'preparing', 'prepared', 'rolled-back', 'cancelled'],
};
