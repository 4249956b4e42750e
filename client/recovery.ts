import { status } from '@grpc/grpc-js';
import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import pMap, { pMapSkip } from 'p-map';
import { ConcordError } from '../domain/errors.ts';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import type { OrderRecord } from '../domain/order-record.ts';
import { parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import { type OperatorRequest, type Orphan, resolutionIdOf, resolutionStart } from '../domain/resolution.ts';
import { grpcErrorIn } from '../platform/connection/grpc-error.ts';
import { describeExecution, type Execution, isRunning, statusOf } from '../platform/visibility/executions.ts';
import { listWaiting, ownNameOf } from '../platform/visibility/stuck-steps.ts';
import { tryNowSignal } from '../workflows/order/messages.ts';
import type { resolveOrder } from '../workflows/orders.ts';
import { firstInput } from './history.ts';

/** What `retry` tries now. */
export interface Retried {
  readonly orderId: string;
  /** Activities, such as `inventory.commit`, and what waits in a mailbox, such as `mailbox/1 SellStock to inventory`. */
  readonly steps: readonly string[];
}

/** @throws ConcordError `UnknownOrder`, `NothingToRetry`, `RetryUnsupported` */
export async function retryNow(client: Client, orderId: string): Promise<Retried> {
  const describe = async (workflowId: string) =>
    (await describeExecution(client, { workflowId })) ?? pMapSkip;
  const own = await pMap([workflowIdOf(orderId), resolutionIdOf(orderId)], describe);
  const latest = own.at(-1);
  if (latest === undefined) throw new ConcordError('UnknownOrder', { orderId });
  const reset = await pMap(own, (execution) => resetSteps(client, orderId, execution));
  // Subscribers may be told of an order that has ended, so its workflow need not live.
  const steps = [...reset.flat(), ...(await tryWaitingNow(client, orderId))];
  if (steps.length > 0) return { orderId, steps };
  const because = own.some(isRunning)
    ? 'no step of it waits; see `concord status`'
    : `its workflow is ${statusOf(latest)}`;
  throw new ConcordError('NothingToRetry', { orderId, because });
}

/** Returns what is tried now; a workflow that has ended has nothing to try. */
async function resetSteps(client: Client, orderId: string, execution: Execution): Promise<string[]> {
  const { namespace, identity } = client.options;
  const workflowId = execution.workflowExecutionInfo?.execution?.workflowId ?? '';
  return pMap(execution.pendingActivities ?? [], async ({ activityId, activityType }) => {
    try {
      // Deprecated in the newest servers for a call that servers up to 1.29 don't know; it also ends a pause.
      const step = { execution: { workflowId }, id: activityId ?? '' };
      await client.workflowService.resetActivity({ namespace, identity, ...step });
    } catch (error) {
      const code = grpcErrorIn(error)?.code;
      if (code === status.UNIMPLEMENTED)
        throw new ConcordError('RetryUnsupported', { orderId }, { cause: error });
      if (code !== status.NOT_FOUND) throw error; // it has just ended by itself
    }
    return activityType?.name ?? 'unknown';
  });
}

async function tryWaitingNow(client: Client, orderId: string): Promise<string[]> {
  const waiting = (await listWaiting(client)).filter((item) => item.orderId === orderId);
  const mailboxes = new Set(waiting.map(({ workflowId }) => workflowId));
  await pMap(mailboxes, (workflowId) => client.workflow.getHandle(workflowId).signal(tryNowSignal, orderId));
  return waiting.map(ownNameOf);
}

/** Starts the workflow that settles what an order's own has left behind. `findRecord` asks the order service. */
export async function startResolution(
  client: Client,
  orderId: string,
  request: OperatorRequest,
  findRecord: () => Promise<OrderRecord | null>,
): Promise<WorkflowHandle<typeof resolveOrder>> {
  const refusal = (because: string, options?: ErrorOptions) =>
    new ConcordError('CannotResolve', { orderId, status: request.as, because }, options);
  const execution = await describeExecution(client, { workflowId: workflowIdOf(orderId) });
  if (isRunning(execution))
    throw refusal('its own workflow runs; see `concord stuck`, and cancel or terminate it first');
  const remains = await remainsOf(client, orderId, execution, findRecord);
  try {
    return await client.workflow.start<typeof resolveOrder>('resolveOrder', {
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      ...resolutionStart(remains),
      args: [{ order: remains.order, strategy: remains.strategy }, request],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const because = 'it has been, or is being, resolved or placed already; see `concord status`';
    throw refusal(because, { cause: error });
  }
}

async function remainsOf(
  client: Client,
  orderId: string,
  closed: Execution | undefined,
  findRecord: () => Promise<OrderRecord | null>,
): Promise<Orphan> {
  const workflowId = workflowIdOf(orderId);
  if (closed !== undefined && statusOf(closed) !== 'completed') {
    const { order, strategy } = parsePlaceOrderInput(await firstInput(client, workflowId));
    return { order, strategy, coordinator: 'closed' };
  }
  const outcome: OrderOutcome | undefined = closed && (await client.workflow.getHandle(workflowId).result());
  // One that was refused because another order has its id says nothing of that order.
  if (outcome !== undefined && !isTaken(outcome))
    throw new ConcordError('TooLate', { orderId, status: outcome.status });
  const record = await findRecord();
  if (record === null) throw new ConcordError('UnknownOrder', { orderId });
  const { customerId, lines, strategy, status } = record;
  if (status !== 'pending') throw new ConcordError('TooLate', { orderId, status });
  const order = { orderId, customerId, lines };
  return { order, strategy, coordinator: closed === undefined ? 'unknown' : 'closed' };
}

/** True of an order that was refused because another one has its id. */
export function isTaken({ reason }: { readonly reason?: Reason | undefined }): boolean {
  return reason?.code === 'OrderIdTaken';
}

/** Returns how an order was resolved whose own workflow has stopped; undefined if it was not. */
export async function resolvedOutcome(client: Client, orderId: string): Promise<OrderOutcome | undefined> {
  const workflowId = resolutionIdOf(orderId);
  const execution = await describeExecution(client, { workflowId });
  if (execution === undefined || statusOf(execution) !== 'completed') return undefined;
  return client.workflow.getHandle<typeof resolveOrder>(workflowId).result();
}
