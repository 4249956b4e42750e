import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { deliveryIdOf } from '../domain/addresses.ts';
import { type Announcement, parseAnnouncement } from '../domain/announcements.ts';
import { defined } from '../domain/defined.ts';
import { ConcordError } from '../domain/errors.ts';
import type { OwnStuckStep } from '../domain/stuck-step.ts';
import type { Listed } from '../platform/visibility/executions.ts';
import { describeExecution, endOf, listWorkflows, statusOf } from '../platform/visibility/executions.ts';
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
export interface DeliveryView extends Partial<Pick<OwnStuckStep, 'lastError' | 'nextAttemptAt'>> {
  readonly subscriber: string;
  /** `stopped`: it has ended without having been made, and takes an operator. */
  readonly state: 'delivered' | 'delivering' | 'retrying' | 'stopped';
  /** The attempt that runs or comes next, if one has failed: from 2. */
  readonly attempt?: number;
}

export const RUNNING = "ExecutionStatus = 'Running'";

/** Lists the workflows that deliver events, of one order or of all; `condition` is one of Temporal's list filters. */
export function deliveriesOf(client: Client, orderId: string | undefined, condition = '') {
  // Order ids hold no quotes.
  const ofOrder = orderId === undefined ? '' : ` AND WorkflowId STARTS_WITH 'event/${orderId}/'`;
  const further = condition === '' ? '' : ` AND ${condition}`;
  return listWorkflows(client, `WorkflowType = 'deliverEvent'${ofOrder}${further}`);
}

/**
 * Yields what they deliver: those that run first, and then the last ended first.
 * @throws ConcordError `UnknownKey` if there are some, and none can be decrypted.
 */
export async function* listDeliveries(client: Client, orderId?: string, condition?: string) {
  let isEmpty = true;
  let unreadable: unknown;
  for await (const listed of deliveriesOf(client, orderId, condition)) {
    const delivery = await deliveryOf(client, listed).catch((error: unknown) => {
      unreadable = error;
    });
    if (!delivery) continue;
    isEmpty = false;
    yield delivery;
  }
  // What a stranger has encrypted is left out; if nothing can be read, the key is ours to find.
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
  return defined({ subscriber, state: 'retrying' as const, attempt: attempts + 1, lastError, nextAttemptAt });
}

/** Returns undefined if it delivers nothing under this id that a service has announced: anyone may start a workflow. */
async function deliveryOf(client: Client, listed: Listed): Promise<Delivery | undefined> {
  const { workflowId, runId, startedAt, endedAt, info } = listed;
  const event = await eventIn(client, info);
  if (event === undefined) return undefined;
  const subscriber = workflowId.slice(deliveryIdOf(event, '').length);
  if (deliveryIdOf(event, subscriber) !== workflowId) return undefined;
  const status = STATUSES[statusOf({ workflowExecutionInfo: info })] ?? 'stopped';
  const times = { startedAt: Date.parse(startedAt), ...(endedAt && { endedAt: Date.parse(endedAt) }) };
  return { event, subscriber, workflowId, runId, status, ...times };
}

const STATUSES: Readonly<Record<string, Delivery['status']>> = { running: 'running', completed: 'done' };

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
