import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import proto from '@temporalio/proto';
import { deliveryIdOf } from '../domain/addresses.ts';
import { type Announcement, parseAnnouncement } from '../domain/announcements.ts';
import { ConcordError } from '../domain/errors.ts';
import { describeExecution, endOf, type Listed, listWorkflows } from '../platform/visibility/executions.ts';
import { FAILED, stuckStepsOf } from '../platform/visibility/stuck-steps.ts';

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
  for await (const listed of listWorkflows(client, `WorkflowType = 'deliverEvent'${condition}`)) {
    const delivery = await deliveryOf(client, listed).catch((error: unknown) => {
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
  if (status === 'stopped') {
    const failure = await endOf(client, delivery);
    return { subscriber, state: 'stopped', lastError: failure?.message ?? '' };
  }
  const execution = await describeExecution(client, delivery);
  const [step] = execution === undefined ? [] : await stuckStepsOf(client, execution, FAILED);
  if (step?.problem !== 'retrying') return { subscriber, state: 'delivering' };
  const { attempts, lastError, nextAttemptAt } = step;
  return {
    ...{ subscriber, state: 'retrying', attempt: attempts + 1, lastError },
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

const { WORKFLOW_EXECUTION_STATUS_COMPLETED, WORKFLOW_EXECUTION_STATUS_RUNNING } =
  proto.temporal.api.enums.v1.WorkflowExecutionStatus;
const STATUSES: Readonly<Record<number, Delivery['status']>> = {
  [WORKFLOW_EXECUTION_STATUS_RUNNING]: 'running',
  [WORKFLOW_EXECUTION_STATUS_COMPLETED]: 'done',
};

/** Nothing where it delivers nothing under this id that a service has announced: anyone may start a workflow. */
async function deliveryOf(client: Client, listed: Listed): Promise<Delivery | undefined> {
  const { workflowId, runId, startedAt, endedAt, info } = listed;
  const event = await eventIn(client, info);
  if (event === undefined) return undefined;
  const subscriber = workflowId.slice(deliveryIdOf(event, '').length);
  if (deliveryIdOf(event, subscriber) !== workflowId) return undefined;
  return {
    ...{ event, subscriber, workflowId, runId, startedAt: startedAt.getTime() },
    status: STATUSES[info.status ?? 0] ?? 'stopped',
    ...(endedAt === undefined ? {} : { endedAt: endedAt.getTime() }),
  };
}

async function eventIn(client: Client, { memo }: Listed['info']): Promise<Announcement | undefined> {
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
