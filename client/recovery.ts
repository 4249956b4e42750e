import { status as grpcStatus } from '@grpc/grpc-js';
import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import { ConcordError } from '../domain/errors.ts';
import type { FinalStatus, OrderOutcome } from '../domain/order.ts';
import type { OrderRecord } from '../domain/order-record.ts';
import { parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import { type Orphan, resolutionIdOf, resolutionStart } from '../domain/resolution.ts';
import { grpcErrorIn } from '../platform/connection/grpc-error.ts';
import {
  describeExecution,
  type Execution,
  isRunning,
  listWorkflows,
  ofOrder,
  statusOf,
} from '../platform/visibility/executions.ts';
import type { resolveOrder } from '../workflows/orders.ts';
import { restartDeliveries, tryWaitingNow } from './exchange.ts';
import { firstInput } from './history.ts';

/** What `retry` has hastened. */
export interface Retried {
  readonly orderId: string;
  /** What is tried now: activities, such as `inventory.commit`, and messages that wait (`mailbox/1 SellStock`). */
  readonly steps: readonly string[];
}

/**
 * Has every step of an order that waits for its next attempt tried now.
 *
 * @throws ConcordError `UnknownOrder`, `NothingToRetry`, `RetryUnsupported`
 */
export async function retryNow(client: Client, orderId: string): Promise<Retried> {
  const own = await described(client, [workflowIdOf(orderId), resolutionIdOf(orderId)]);
  const latest = own.at(-1);
  if (latest === undefined) throw new ConcordError('UnknownOrder', { orderId });
  const steps: string[] = [];
  for (const execution of [...own, ...(await described(client, livingDeliveries(client, orderId)))])
    steps.push(...(await resetSteps(client, orderId, execution)));
  // Subscribers may be told of an order that has ended, so its workflow need not live.
  steps.push(...(await restartDeliveries(client, orderId)), ...(await tryWaitingNow(client, orderId)));
  if (steps.length > 0) return { orderId, steps };
  const because = own.some(isRunning)
    ? 'no step of it waits; see `concord status`'
    : `its workflow is ${statusOf(latest)}`;
  throw new ConcordError('NothingToRetry', { orderId, because });
}

/** Those that there are, in this order. */
async function described(
  client: Client,
  workflowIds: Iterable<string> | AsyncIterable<string>,
): Promise<Execution[]> {
  const found: Execution[] = [];
  for await (const workflowId of workflowIds) {
    const execution = await describeExecution(client, { workflowId });
    if (execution !== undefined) found.push(execution);
  }
  return found;
}

/** Deliveries of events of an order that are not made yet. */
async function* livingDeliveries(client: Client, orderId: string): AsyncGenerator<string> {
  const query = `WorkflowType = 'deliverEvent' AND ExecutionStatus = 'Running'${ofOrder(orderId)}`;
  for await (const { workflowId } of listWorkflows(client, query)) yield workflowId;
}

/** Returns what is tried now; nothing of a workflow that has ended. */
async function resetSteps(client: Client, orderId: string, execution: Execution): Promise<string[]> {
  const { namespace, identity } = client.options;
  const workflowId = execution.workflowExecutionInfo?.execution?.workflowId ?? '';
  const steps: string[] = [];
  for (const { activityId, activityType } of execution.pendingActivities ?? []) {
    try {
      // Deprecated in the newest servers for a call that servers up to 1.29 don't know; it also ends a pause.
      const step = { execution: { workflowId }, id: activityId ?? '' };
      await client.workflowService.resetActivity({ namespace, identity, ...step });
    } catch (error) {
      const code = grpcErrorIn(error)?.code;
      if (code === grpcStatus.UNIMPLEMENTED)
        throw new ConcordError('RetryUnsupported', { orderId }, { cause: error });
      if (code !== grpcStatus.NOT_FOUND) throw error; // it has just ended by itself
    }
    steps.push(activityType?.name ?? 'unknown');
  }
  return steps;
}

/**
 * Checks that an order's own workflow can't go on, and returns what is left behind of it.
 *
 * @param findRecord Asks the order service for its record.
 * @throws ConcordError `UnknownOrder`; `CannotResolve` where its workflow runs; `TooLate` where all is settled.
 */
export async function remainsOf(
  client: Client,
  orderId: string,
  status: FinalStatus,
  findRecord: () => Promise<OrderRecord | null>,
): Promise<Orphan> {
  const workflowId = workflowIdOf(orderId);
  const execution = await describeExecution(client, { workflowId });
  if (isRunning(execution)) {
    const because = 'its own workflow runs; see `concord stuck`, and cancel or terminate it first';
    throw new ConcordError('CannotResolve', { orderId, status, because });
  }
  if (execution === undefined) {
    const record = await findRecord();
    if (record === null) throw new ConcordError('UnknownOrder', { orderId });
    if (record.status !== 'pending') throw new ConcordError('TooLate', { orderId, status: record.status });
    const { customerId, lines, strategy } = record;
    return { order: { orderId, customerId, lines }, strategy, coordinator: 'unknown' };
  }
  if (statusOf(execution) === 'completed') {
    const { status: decided }: OrderOutcome = await client.workflow.getHandle(workflowId).result();
    throw new ConcordError('TooLate', { orderId, status: decided });
  }
  const { order, strategy } = parsePlaceOrderInput(await firstInput(client, workflowId));
  return { order, strategy, coordinator: 'closed' };
}

/** Starts the workflow that settles the order. @throws ConcordError `CannotResolve` where one runs or has ended well. */
export async function startResolution(
  client: Client,
  remains: Orphan,
  request: { readonly as: FinalStatus; readonly reason?: string },
): Promise<WorkflowHandle<typeof resolveOrder>> {
  const { order, strategy } = remains;
  try {
    return await client.workflow.start<typeof resolveOrder>('resolveOrder', {
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      ...resolutionStart(remains),
      args: [{ order, strategy }, request],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const because = 'it has been, or is being, resolved or placed already; see `concord status`';
    throw new ConcordError(
      'CannotResolve',
      { orderId: order.orderId, status: request.as, because },
      { cause: error },
    );
  }
}

/** How an order was resolved, where its own workflow has stopped. */
export async function resolvedOutcome(client: Client, orderId: string): Promise<OrderOutcome | undefined> {
  const workflowId = resolutionIdOf(orderId);
  const execution = await describeExecution(client, { workflowId });
  if (execution === undefined || statusOf(execution) !== 'completed') return undefined;
  return client.workflow.getHandle<typeof resolveOrder>(workflowId).result();
}
