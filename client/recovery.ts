import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowHandle,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ConcordError } from '../domain/errors.ts';
import type { FinalStatus, Order, OrderOutcome } from '../domain/order.ts';
import type { OrderRecord } from '../domain/order-record.ts';
import { orderDetails, resolutionSummary } from '../domain/order-text.ts';
import { parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import { resolutionIdOf } from '../domain/resolution.ts';
import type { Strategy } from '../domain/strategies.ts';
import { listWorkflows, ofOrder } from '../platform/visibility/listing.ts';
import type { resolveOrder } from '../workflows/orders.ts';
import { restartDeliveries, tryWaitingNow } from './exchange.ts';
import { firstInput } from './history.ts';
import { GRPC_NOT_FOUND, grpcCodeOf } from './temporal-failures.ts';

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
  const { living, states } = await ownWorkflows(client, orderId);
  const steps: string[] = [];
  for (const { workflowId, pending } of [...living, ...(await livingDeliveries(client, orderId))]) {
    for (const { activityId, activityType } of pending) {
      await resetStep(client, { orderId, workflowId, activityId: activityId ?? '' });
      steps.push(activityType?.name ?? 'unknown');
    }
  }
  // Subscribers may be told of an order that has ended, so its workflow need not live.
  steps.push(...(await restartDeliveries(client, orderId)), ...(await tryWaitingNow(client, orderId)));
  if (steps.length > 0) return { orderId, steps };
  const [state] = living.length > 0 ? [] : states;
  const because =
    state === undefined ? 'no step of it waits; see `concord status`' : `its workflow is ${state}`;
  throw new ConcordError('NothingToRetry', { orderId, because });
}

/** The order's own workflow, and the one that resolves it: where they live, and how they ended, the last first. */
async function ownWorkflows(client: Client, orderId: string) {
  const states: string[] = [];
  const living: { workflowId: string; pending: PendingActivities }[] = [];
  for (const workflowId of [workflowIdOf(orderId), resolutionIdOf(orderId)]) {
    const description = await describe(client.workflow.getHandle(workflowId));
    if (description === undefined) continue;
    if (description.closeTime !== undefined) states.unshift(description.status.name.toLowerCase());
    else living.push({ workflowId, pending: description.raw.pendingActivities ?? [] });
  }
  if (living.length + states.length === 0) throw new ConcordError('UnknownOrder', { orderId });
  return { living, states };
}

/** Deliveries of events of an order that are not made yet. */
async function livingDeliveries(client: Client, orderId: string) {
  const query = `WorkflowType = 'deliverEvent' AND ExecutionStatus = 'Running'${ofOrder(orderId)}`;
  const found: { workflowId: string; pending: PendingActivities }[] = [];
  for await (const { workflowId } of listWorkflows(client, query)) {
    const description = await describe(client.workflow.getHandle(workflowId));
    found.push({ workflowId, pending: description?.raw.pendingActivities ?? [] });
  }
  return found;
}

type Description = NonNullable<Awaited<ReturnType<typeof describe>>>;
type PendingActivities = NonNullable<Description['raw']['pendingActivities']>;

interface PendingStep {
  readonly orderId: string;
  readonly workflowId: string;
  readonly activityId: string;
}

async function resetStep(client: Client, { orderId, workflowId, activityId }: PendingStep): Promise<void> {
  const { workflowService } = client;
  const { namespace, identity } = client.options;
  try {
    // Deprecated in the newest servers for a call that servers up to 1.29 don't know; it also ends a pause.
    await workflowService.resetActivity({ namespace, identity, execution: { workflowId }, id: activityId });
  } catch (error) {
    const code = grpcCodeOf(error);
    if (code === GRPC_UNIMPLEMENTED)
      throw new ConcordError('RetryUnsupported', { orderId }, { cause: error });
    if (code !== GRPC_NOT_FOUND) throw error; // it has just ended by itself
  }
}

const GRPC_UNIMPLEMENTED = 12;

/** What is left behind of an order, and which workflow may settle it. */
export interface Remains {
  readonly order: Order;
  readonly strategy: Strategy;
  readonly workflowId: string;
}

/**
 * Checks that an order's own workflow can't go on.
 *
 * @param findRecord Asks the order service for its record.
 * @throws ConcordError `UnknownOrder`; `CannotResolve` where its workflow runs; `TooLate` where all is settled.
 */
export async function remainsOf(
  client: Client,
  orderId: string,
  status: FinalStatus,
  findRecord: () => Promise<OrderRecord | null>,
): Promise<Remains> {
  const handle = client.workflow.getHandle(workflowIdOf(orderId));
  const description = await describe(handle);
  if (description !== undefined && description.closeTime === undefined) {
    const because = 'its own workflow runs; see `concord stuck`, and cancel or terminate it first';
    throw new ConcordError('CannotResolve', { orderId, status, because });
  }
  if (description === undefined) {
    const record = await findRecord();
    if (record === null) throw new ConcordError('UnknownOrder', { orderId });
    if (record.status !== 'pending') throw new ConcordError('TooLate', { orderId, status: record.status });
    const { strategy } = record;
    return { order: contentOf(record), strategy, workflowId: handle.workflowId };
  }
  if (description.status.name === 'COMPLETED') {
    const { status: decided } = (await handle.result()) as OrderOutcome;
    throw new ConcordError('TooLate', { orderId, status: decided });
  }
  const { order, strategy } = parsePlaceOrderInput(await firstInput(client, handle.workflowId));
  return { order, strategy, workflowId: resolutionIdOf(orderId) };
}

/** Starts the workflow that settles the order. @throws ConcordError `CannotResolve` where one runs or has ended well. */
export async function startResolution(
  client: Client,
  { order, strategy, workflowId }: Remains,
  request: { readonly as: FinalStatus; readonly reason?: string },
): Promise<WorkflowHandle<typeof resolveOrder>> {
  const { orderId } = order;
  const takesPlace = workflowId === workflowIdOf(orderId);
  try {
    return await client.workflow.start<typeof resolveOrder>('resolveOrder', {
      taskQueue: 'orders',
      workflowId,
      workflowIdReusePolicy: takesPlace
        ? WorkflowIdReusePolicy.REJECT_DUPLICATE
        : WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
      staticSummary: resolutionSummary(order),
      staticDetails: orderDetails(order, strategy),
      args: [{ order, strategy }, request],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const because = 'it has been, or is being, resolved or placed already; see `concord status`';
    throw new ConcordError('CannotResolve', { orderId, status: request.as, because }, { cause: error });
  }
}

/** How an order was resolved, where its own workflow has stopped. */
export async function resolvedOutcome(client: Client, orderId: string): Promise<OrderOutcome | undefined> {
  const handle = client.workflow.getHandle<typeof resolveOrder>(resolutionIdOf(orderId));
  const description = await describe(handle);
  return description?.status.name === 'COMPLETED' ? handle.result() : undefined;
}

async function describe(handle: Pick<WorkflowHandle, 'describe'>) {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function contentOf({ orderId, customerId, lines }: OrderRecord): Order {
  return { orderId, customerId, lines };
}
