import type { Client, WorkflowHandle } from '@temporalio/client';
import { mailboxIdOf, relayIdOf } from '../domain/addresses.ts';
import type { Line, Order, OrderStatus, Reason } from '../domain/order.ts';
import type { OrderRecord } from '../domain/order-record.ts';
import { type OrderProgress, type Phase, parsePlaceOrderInput } from '../domain/place-order.ts';
import { services } from '../domain/services.ts';
import type { Strategy } from '../domain/strategies.ts';
import type { StuckStep } from '../domain/stuck-step.ts';
import { listWorkflows, ofOrder } from '../platform/visibility/executions.ts';
import { FAILED, findStuckSteps, ownNameOf, stuckStepsOf } from '../platform/visibility/stuck-steps.ts';
import { statusQuery } from '../workflows/order/messages.ts';
import type { placeOrder } from '../workflows/orders.ts';
import { firstInput } from './history.ts';

/** Where an order stands, from everything that is known about it. Times are ISO 8601. */
export interface OrderView {
  readonly orderId: string;
  readonly customerId: string;
  readonly lines: readonly Line[];
  /** How the services are kept consistent. */
  readonly strategy: Strategy;
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

/** A step of an order that has failed at least once and is tried again. */
export interface RetryingStep {
  /** The activity, such as `inventory.prepare`; or where a message waits, such as `mailbox/1 SellStock`. */
  readonly step: string;
  /** The attempt that runs or comes next, from 2. */
  readonly attempt: number;
  readonly lastError: string;
  /** ISO 8601. */
  readonly nextAttemptAt?: string;
}

// A query needs a worker; without one, the rest is still worth showing. Milliseconds.
const QUERY_TIMEOUT = 3_000;
// What has been under way for no longer has hardly failed, and is not worth looking for elsewhere. Milliseconds.
const YOUNG = 1_000;

/** @throws WorkflowNotFoundError where Temporal knows no such order. */
export async function viewOf(
  client: Client,
  handle: WorkflowHandle<typeof placeOrder>,
  orderId: string,
): Promise<OrderView> {
  const description = await handle.describe();
  const { order, strategy } = parsePlaceOrderInput(await firstInput(client, handle.workflowId));
  const known = {
    ...order,
    strategy,
    participants: {},
    placedAt: description.startTime.toISOString(),
    ...(description.closeTime === undefined ? {} : { closedAt: description.closeTime.toISOString() }),
    retrying: retryingOf(orderId, await stuckStepsOf(client, description.raw, FAILED)),
  };
  if (description.status.name === 'COMPLETED') {
    const { status, reason } = await handle.result();
    return { ...known, status, phase: 'final', ...(reason === undefined ? {} : { reason }) };
  }
  if (description.status.name !== 'RUNNING') {
    const how = description.status.name.toLowerCase().replace('_', ' ');
    const message = `its workflow ended as ${how}; see its history in the Web UI, and settle it with \`concord resolve\``;
    return { ...known, status: 'pending', phase: 'failed', reason: { code: 'OrderFailed', message } };
  }
  const isYoung = Date.now() - description.startTime.getTime() < YOUNG;
  const [progress, elsewhere] = await Promise.all([
    queryProgress(client, handle, Date.now() + QUERY_TIMEOUT),
    isYoung ? [] : failingElsewhere(client, order, strategy),
  ]);
  const retrying = [...known.retrying, ...retryingOf(orderId, elsewhere)];
  if (progress === undefined) return { ...known, retrying, status: 'pending', phase: 'unknown' };
  const { phase, participants, decision } = progress;
  const reason = decision?.reason;
  return {
    ...known,
    retrying,
    orderId,
    phase,
    participants,
    status: decision?.status ?? 'pending',
    ...(reason === undefined ? {} : { reason }),
  };
}

/** What fails of an order outside its own workflow: deliveries of its events, and messages and events that wait. */
async function failingElsewhere(client: Client, order: Order, strategy: Strategy): Promise<StuckStep[]> {
  if (strategy === 'two-phase') return [];
  if (strategy === 'message-queue')
    return findStuckSteps(client, FAILED, { workflows: [], carriers: [mailboxIdOf(order)] });
  const query = `WorkflowType = 'deliverEvent' AND ExecutionStatus = 'Running'${ofOrder(order.orderId)}`;
  const workflows = listWorkflows(client, query);
  return findStuckSteps(client, FAILED, { workflows, carriers: services.map(relayIdOf) });
}

function retryingOf(orderId: string, steps: readonly StuckStep[]): RetryingStep[] {
  const own = steps.filter((step) => step.orderId === orderId && step.problem === 'retrying');
  return own.map(({ attempts, lastError, nextAttemptAt, ...step }) => ({
    ...{ step: ownNameOf(step), attempt: attempts + 1, lastError },
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  }));
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

/** Where an order stands as its workflow sees it; nothing where no worker tells before the deadline. */
export async function queryProgress(
  client: Client,
  handle: WorkflowHandle<typeof placeOrder>,
  deadline: number,
): Promise<OrderProgress | undefined> {
  try {
    return await client.withDeadline(deadline, () => handle.query(statusQuery));
  } catch {
    // Nobody polls, or the workflow code fails: either way the worker does not answer.
    return undefined;
  }
}
