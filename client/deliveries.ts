import { type Client, WorkflowFailedError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import { deliveryIdOf } from '../domain/addresses.ts';
import { type Announcement, parseAnnouncement } from '../domain/announcements.ts';
import { ConcordError } from '../domain/errors.ts';
import { type Execution, listExecutions } from '../platform/visibility/listing.ts';
import { isUnreadable, messageOf } from '../platform/visibility/reading.ts';

/** A workflow that hands one event to one subscriber. Times are milliseconds since 1970, by Temporal's clock. */
export interface Delivery {
  readonly event: Announcement;
  readonly subscriber: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly status: 'running' | 'done' | 'stopped';
  readonly startedAt: number;
  readonly endedAt?: number;
}

/** How far a delivery has come. */
export interface DeliveryView {
  readonly subscriber: string;
  /** `stopped`: it has ended without having been made, and takes an operator. */
  readonly state: 'delivered' | 'delivering' | 'retrying' | 'stopped';
  /** The attempt that runs or comes next, where one has failed: from 2. */
  readonly attempt?: number;
  readonly lastError?: string;
  /** ISO 8601. */
  readonly nextAttemptAt?: string;
}

/**
 * Deliveries, those that run first, and then the last ended first.
 *
 * @param condition Further conditions, as Temporal's list filters have them.
 * @throws ConcordError `UnknownKey` where there are some, and none can be decrypted.
 */
export async function* listDeliveries(client: Client, condition = ''): AsyncGenerator<Delivery, void, void> {
  let isEmpty = true;
  let unreadable: unknown;
  for await (const execution of listExecutions(client, `WorkflowType = 'deliverEvent'${condition}`)) {
    const delivery = await deliveryOf(client, execution).catch((error: unknown) => {
      unreadable = error;
    });
    if (!delivery) continue;
    isEmpty = false;
    yield delivery;
  }
  // A stranger's alone are left out; where nothing can be read, the key is ours to find.
  if (isEmpty && unreadable !== undefined) throw unreadable;
}

export async function viewOfDelivery(client: Client, delivery: Delivery): Promise<DeliveryView> {
  const { subscriber, status } = delivery;
  if (status === 'done') return { subscriber, state: 'delivered' };
  if (status === 'stopped')
    return { subscriber, state: 'stopped', lastError: await failureOf(client, delivery) };
  const { namespace } = client.options;
  const { workflowId, runId } = delivery;
  const execution = { workflowId, runId };
  const { pendingActivities } = await client.workflowService.describeWorkflowExecution({
    namespace,
    execution,
  });
  const [handler] = pendingActivities;
  if (!handler?.lastFailure) return { subscriber, state: 'delivering' };
  const nextAttemptAt = optionalTsToDate(handler.nextAttemptScheduleTime);
  return {
    ...{ subscriber, state: 'retrying', attempt: handler.attempt ?? 1 },
    lastError: await messageOf(client, handler.lastFailure),
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt: nextAttemptAt.toISOString() }),
  };
}

// `temporal.api.enums.v1.WorkflowExecutionStatus`
const STATUSES: Readonly<Record<number, Delivery['status']>> = { 1: 'running', 2: 'done' };

/** Nothing where it delivers nothing under this id that a service has announced: anyone may start a workflow. */
async function deliveryOf(client: Client, execution: Execution): Promise<Delivery | undefined> {
  const { workflowId, runId } = execution.execution ?? {};
  const startedAt = optionalTsToDate(execution.startTime);
  const endedAt = optionalTsToDate(execution.closeTime);
  const event = await eventIn(client, execution);
  if (!workflowId || !runId || startedAt === undefined || event === undefined) return undefined;
  const subscriber = workflowId.slice(deliveryIdOf(event, '').length);
  if (deliveryIdOf(event, subscriber) !== workflowId) return undefined;
  return {
    ...{ event, subscriber, workflowId, runId, startedAt: startedAt.getTime() },
    status: STATUSES[execution.status ?? 0] ?? 'stopped',
    ...(endedAt === undefined ? {} : { endedAt: endedAt.getTime() }),
  };
}

async function eventIn(client: Client, { memo }: Execution): Promise<Announcement | undefined> {
  const payload = memo?.fields?.event;
  if (!payload) return undefined;
  try {
    const [input] = await decodeArrayFromPayloads(client.options.loadedDataConverter, [payload]);
    const event = parseAnnouncement(input);
    return event.id === `${event.subject}/${event.type}` ? event : undefined;
  } catch (error) {
    if (error instanceof ConcordError && error.code === 'UnknownKey') throw error;
    return undefined;
  }
}

async function failureOf(client: Client, { workflowId, runId }: Delivery): Promise<string> {
  try {
    await client.workflow.getHandle(workflowId, runId).result();
    return '';
  } catch (error) {
    if (isUnreadable(error)) return (error as Error).message;
    if (!(error instanceof WorkflowFailedError)) throw error;
    return innermost(error).message;
  }
}

function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}
