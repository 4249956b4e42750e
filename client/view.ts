import type { Client, WorkflowHandle } from '@temporalio/client';
import { mailboxIdOf } from '../domain/addresses.ts';
import { defined } from '../domain/defined.ts';
import type { OrderRecord } from '../domain/order-record.ts';
import { type OrderProgress, type Phase, parsePlaceOrderInput } from '../domain/place-order.ts';
import { QUERY_TIMEOUT } from '../domain/policies.ts';
import type { OwnStuckStep, StuckStep } from '../domain/stuck-step.ts';
import { FAILED, findStuckSteps, ownNameOf, stuckStepsOf } from '../platform/visibility/stuck-steps.ts';
import { statusQuery } from '../workflows/order/messages.ts';
import type { placeOrder } from '../workflows/orders.ts';
import { firstInput } from './history.ts';
import { resolvedOutcome } from './recovery.ts';

/** Where an order stands, from all that is known of it. `status`: what is durably decided. Times are ISO 8601. */
export interface OrderView extends Omit<OrderRecord, 'createdAt' | 'updatedAt'> {
  /** `unknown` while the order service's worker does not answer; `failed` if the order needs an operator. */
  readonly phase: Phase | 'unknown' | 'failed';
  readonly participants: OrderProgress['participants'];
  /** Steps that have failed at least once and are being retried. */
  readonly retrying: readonly RetryingStep[];
  readonly placedAt: string;
  readonly closedAt?: string;
}

/** A step of an order that has failed at least once and is tried again. */
export interface RetryingStep extends Pick<OwnStuckStep, 'step' | 'lastError' | 'nextAttemptAt'> {
  /** The attempt that runs or comes next, from 2. */
  readonly attempt: number;
}

// An order that is younger has hardly failed, and is not worth looking for elsewhere. Milliseconds.
const YOUNG = 1_000;

export type OrderHandle = WorkflowHandle<typeof placeOrder>;

/** @throws WorkflowNotFoundError if Temporal knows no such order. */
export async function viewOf(client: Client, handle: OrderHandle, orderId: string): Promise<OrderView> {
  const { raw, startTime, closeTime, status } = await handle.describe();
  const { order, strategy } = parsePlaceOrderInput(await firstInput(client, handle.workflowId));
  const known = {
    ...order,
    strategy,
    participants: {},
    placedAt: startTime.toISOString(),
    ...defined({ closedAt: closeTime?.toISOString() }),
    retrying: retryingOf(orderId, await stuckStepsOf(client, raw, FAILED)),
  };
  if (status.name !== 'RUNNING') {
    // An order whose own workflow has stopped may have been settled by another one.
    const isDone = status.name === 'COMPLETED';
    const outcome = isDone ? await handle.result() : await resolvedOutcome(client, orderId);
    if (outcome)
      return { ...known, status: outcome.status, phase: 'final', ...defined({ reason: outcome.reason }) };
    const how = status.name.toLowerCase().replace('_', ' ');
    const message = `its workflow ended as ${how}; see its history in the Web UI, and settle it with \`concord resolve\``;
    return { ...known, status: 'pending', phase: 'failed', reason: { code: 'OrderFailed', message } };
  }
  const mayFailElsewhere = strategy !== 'two-phase' && Date.now() - startTime.getTime() >= YOUNG;
  const scope = { workflows: [], mailboxes: [{ workflowId: mailboxIdOf(order) }] };
  const [progress, elsewhere] = await Promise.all([
    queryProgress(handle, Date.now() + QUERY_TIMEOUT),
    mayFailElsewhere ? findStuckSteps(client, FAILED, scope) : [],
  ]);
  const retrying = [...known.retrying, ...retryingOf(orderId, elsewhere)];
  if (progress === undefined) return { ...known, retrying, status: 'pending', phase: 'unknown' };
  const { phase, participants, decision: { status: decided = 'pending' as const, reason } = {} } = progress;
  return { ...known, retrying, orderId, phase, participants, status: decided, ...defined({ reason }) };
}

function retryingOf(orderId: string, steps: readonly StuckStep[]): RetryingStep[] {
  const own = steps.filter((step) => step.orderId === orderId && step.problem === 'retrying');
  return own.map(({ attempts, lastError, nextAttemptAt, ...step }) =>
    defined({ step: ownNameOf(step), attempt: attempts + 1, lastError, nextAttemptAt }),
  );
}

/** The view of an order whose history is no longer kept. */
export function viewOfRecord({ createdAt, updatedAt, ...record }: OrderRecord): OrderView {
  const isFinal = record.status !== 'pending';
  const phase = isFinal ? 'final' : 'unknown';
  const times = { placedAt: createdAt, ...(isFinal ? { closedAt: updatedAt } : {}) };
  return { ...record, phase, participants: {}, retrying: [], ...times };
}

/** Returns where an order stands as its workflow sees it; undefined if no worker tells before the deadline. */
export async function queryProgress(handle: OrderHandle, deadline: number) {
  try {
    return await handle.client.withDeadline(deadline, () => handle.query(statusQuery));
  } catch {
    return undefined; // nobody polls, or the workflow code fails: either way the worker does not answer
  }
}
