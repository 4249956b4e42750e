import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Line, OrderStatus, Reason } from '../domain/order.ts';
import type { OrderRecord } from '../domain/order-record.ts';
import { type OrderProgress, type Phase, parsePlaceOrderInput } from '../domain/place-order.ts';
import { statusQuery } from '../workflows/messages.ts';
import type { placeOrder } from '../workflows/orders.ts';
import { firstInput } from './history.ts';

/** Where an order stands, from everything that is known about it. Times are ISO 8601. */
export interface OrderView {
  readonly orderId: string;
  readonly customerId: string;
  readonly lines: readonly Line[];
  /** What is durably decided: `pending` until then. */
  readonly status: OrderStatus;
  readonly reason?: Reason;
  /** `unknown` while the order service's worker does not answer; `failed` where the order needs an operator. */
  readonly phase: Phase | 'unknown' | 'failed';
  readonly participants: OrderProgress['participants'];
  /** Steps that have failed at least once and are being retried. */
  readonly retrying: readonly RetryingStep[];
  readonly placedAt: string;
  readonly closedAt?: string;
}

export interface RetryingStep {
  /** The activity, such as `inventory.prepare`. */
  readonly step: string;
  /** The attempt that runs or comes next, from 2. */
  readonly attempt: number;
  readonly lastError: string;
  readonly nextAttemptAt?: string;
}

// A query needs a worker; without one, the rest is still worth showing.
const QUERY_TIMEOUT = 3_000;

/** @throws WorkflowNotFoundError where Temporal knows no such order. */
export async function viewOf(
  client: Client,
  handle: WorkflowHandle<typeof placeOrder>,
  orderId: string,
): Promise<OrderView> {
  const description = await handle.describe();
  const { order } = parsePlaceOrderInput(await firstInput(client, handle.workflowId));
  const known = {
    ...order,
    participants: {},
    placedAt: description.startTime.toISOString(),
    ...(description.closeTime === undefined ? {} : { closedAt: description.closeTime.toISOString() }),
    retrying: retryingSteps(description.raw.pendingActivities ?? []),
  };
  if (description.status.name === 'COMPLETED') {
    const { status, reason } = await handle.result();
    return { ...known, status, phase: 'final', ...(reason === undefined ? {} : { reason }) };
  }
  if (description.status.name !== 'RUNNING') {
    const message = `its workflow ended as ${description.status.name.toLowerCase()}; see its history in the Web UI`;
    return { ...known, status: 'pending', phase: 'failed', reason: { code: 'OrderFailed', message } };
  }
  const progress = await queryProgress(client, handle);
  if (progress === undefined) return { ...known, status: 'pending', phase: 'unknown' };
  const { phase, participants, decision } = progress;
  const reason = decision?.reason;
  return {
    ...known,
    orderId,
    phase,
    participants,
    status: decision?.status ?? 'pending',
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The view of an order whose history is no longer kept. */
export function viewOfRecord({ createdAt, updatedAt, ...record }: OrderRecord): OrderView {
  const isFinal = record.status !== 'pending';
  return {
    ...record,
    phase: isFinal ? 'final' : 'unknown',
    participants: {},
    retrying: [],
    placedAt: createdAt,
    ...(isFinal ? { closedAt: updatedAt } : {}),
  };
}

async function queryProgress(
  client: Client,
  handle: WorkflowHandle<typeof placeOrder>,
): Promise<OrderProgress | undefined> {
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT, () => handle.query(statusQuery));
  } catch {
    // Nobody polls, or the workflow code fails: either way the worker does not answer.
    return undefined;
  }
}

type Description = Awaited<ReturnType<WorkflowHandle['describe']>>;
type PendingActivity = NonNullable<Description['raw']['pendingActivities']>[number];

function retryingSteps(pending: readonly PendingActivity[]): RetryingStep[] {
  return pending
    .filter(({ lastFailure }) => lastFailure !== undefined && lastFailure !== null)
    .map(({ activityType, attempt, lastFailure, nextAttemptScheduleTime }) => ({
      step: activityType?.name ?? 'unknown',
      attempt: attempt ?? 1,
      lastError: lastFailure?.message ?? '',
      ...(nextAttemptScheduleTime?.seconds
        ? { nextAttemptAt: new Date(Number(nextAttemptScheduleTime.seconds) * 1000).toISOString() }
        : {}),
    }));
}
