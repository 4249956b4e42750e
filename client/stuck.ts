import {
  type Client,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import pMap from 'p-map';
import { workflowIdOf } from '../domain/place-order.ts';
import { resolutionIdOf } from '../domain/resolution.ts';
import { type StuckLimits as Limits, parseStuckOptions } from '../domain/trouble.ts';
import {
  listStoppedDeliveries,
  listWaiting,
  orderOf,
  type StoppedDelivery,
  stepOf,
  type WaitingItem,
} from './exchange.ts';
import { isUnreadable, messageOf } from './history.ts';
import { type Listed, listWorkflows } from './listing.ts';

/** From when on an order counts as stuck. */
export interface StuckOptions {
  /** A step has failed more often than this; 5 by default. */
  readonly failures?: number;
  /** A step has been waiting or retried for more milliseconds than this; 60,000 by default. */
  readonly longerThan?: number;
}

/** A step of an order that doesn't get on. Times are ISO 8601. */
export interface StuckStep {
  readonly orderId: string;
  /** The workflow: `order/<id>`, `resolve/<id>`, `event/<id>/…`, or the mailbox or relay that keeps a message. */
  readonly workflowId: string;
  /**
   * `retrying`: its step fails; `waiting`: no worker has taken it; `broken`: its workflow code fails, as after a change
   * that its history doesn't fit; `stopped`: its workflow has ended without an outcome.
   */
  readonly problem: 'retrying' | 'waiting' | 'broken' | 'stopped';
  /** The activity, such as `inventory.commit`, or `workflow`. */
  readonly step: string;
  /** How often it has been tried. */
  readonly attempts: number;
  readonly lastError: string;
  readonly since: string;
  readonly nextAttemptAt?: string;
}

export { parseStuckOptions };

/** Every order that doesn't get on, the oldest first, as far as Temporal shows. */
export async function findStuck(client: Client, limits: Limits): Promise<StuckStep[]> {
  const [running, stopped, undelivered, waiting] = await Promise.all([
    pMap(listWorkflows(client, RUNNING), (found) => stuckStepsOf(client, found, limits), AT_ONCE),
    stoppedOrders(client).then((orderIds) =>
      pMap(orderIds, (orderId) => stoppedStepsOf(client, orderId), AT_ONCE),
    ),
    listStoppedDeliveries(client).then((deliveries) => deliveries.map(stoppedDeliveryStep)),
    stuckWaiting(client, limits),
  ]);
  const explained = [...running.flat(), ...stopped.flat(), ...undelivered, ...waiting];
  const silent = await unanswered(client, new Set(explained.map(({ orderId }) => orderId)), limits);
  return [...explained, ...silent].sort((one, other) => (one.since < other.since ? -1 : 1));
}

const TYPES = `WorkflowType IN ('placeOrder', 'resolveOrder')`;
const RUNNING = `WorkflowType IN ('placeOrder', 'resolveOrder', 'deliverEvent') AND ExecutionStatus = 'Running'`;
const STOPPED = `${TYPES} AND ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')`;
// Enough for thousands of orders in seconds, and nothing that a Temporal server would feel.
const AT_ONCE = { concurrency: 16 };

type Description = Awaited<ReturnType<WorkflowHandle['describe']>>;
type PendingActivity = NonNullable<Description['raw']['pendingActivities']>[number];
type Events = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
type Timestamp = PendingActivity['scheduledTime'];

/** Those of its pending activities, and its workflow code, that don't get on. */
export async function stuckStepsOf(
  client: Client,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
  limits: Limits,
): Promise<StuckStep[]> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const description = await handle.describe().catch(undefinedWhereGone);
  if (description?.status.name !== 'RUNNING' || !maybeStuck(description, limits)) return [];
  const events = (await handle.fetchHistory().catch(undefinedWhereGone))?.events ?? [];
  const steps = await pMap(description.raw.pendingActivities ?? [], (pending) =>
    activityStep(client, pending, events),
  );
  const stuck = steps.filter((step) => isStuck(step, limits));
  return [...stuck, ...(await workflowSteps(client, description, events, limits))].map((step) => ({
    orderId: orderOf(workflowId),
    workflowId,
    ...step,
  }));
}

/** Spares the history of the many orders that are young and well. */
function maybeStuck({ startTime, raw }: Description, { failures, longerThan }: Limits): boolean {
  const isFailing = (raw.pendingActivities ?? []).some(({ attempt }) => (attempt ?? 1) - 1 > failures);
  const isBroken = (raw.pendingWorkflowTask?.attempt ?? 1) > 1;
  return isFailing || isBroken || isOlder(startTime.toISOString(), longerThan);
}

type Step = Omit<StuckStep, 'orderId' | 'workflowId'>;

async function activityStep(client: Client, pending: PendingActivity, events: Events): Promise<Step> {
  const { activityType, activityId, lastFailure, lastStartedTime, nextAttemptScheduleTime } = pending;
  const attempts = (pending.attempt ?? 1) - 1;
  // A reset step counts from 1 again, but knows that it has been started.
  const isWaiting = attempts === 0 && !lastStartedTime && !pending.lastAttemptCompleteTime;
  const scheduled = events.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityId === activityId,
  );
  const nextAttemptAt = timeOf(nextAttemptScheduleTime);
  return {
    problem: isWaiting ? 'waiting' : 'retrying',
    step: activityType?.name ?? 'unknown',
    attempts,
    lastError: (await messageOf(client, lastFailure)) || (isWaiting ? NOT_TAKEN : 'it is being tried'),
    since: timeOf(scheduled?.eventTime) ?? timeOf(pending.scheduledTime) ?? NOW(),
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

/** One, where the workflow's own code does not get on: it fails, or nobody runs it. */
async function workflowSteps(
  client: Client,
  { raw }: Description,
  events: Events,
  { longerThan }: Limits,
): Promise<Step[]> {
  const task = raw.pendingWorkflowTask;
  if (!task) return [];
  const attempts = (task.attempt ?? 1) - 1;
  const since = timeOf(task.originalScheduledTime) ?? timeOf(task.scheduledTime) ?? NOW();
  if (attempts === 0 && !isOlder(since, longerThan)) return [];
  const failed = events.findLast((event) => event.workflowTaskFailedEventAttributes?.failure?.message);
  const message = await messageOf(client, failed?.workflowTaskFailedEventAttributes?.failure);
  const lastError = message || (attempts > 0 ? 'its workflow code did not answer in time' : NOT_TAKEN);
  return [{ problem: attempts > 0 ? 'broken' : 'waiting', step: 'workflow', attempts, lastError, since }];
}

/** Each order of which some workflow has ended without an outcome. */
async function stoppedOrders(client: Client): Promise<string[]> {
  const orderIds = new Set<string>();
  for await (const { workflowId } of listWorkflows(client, STOPPED)) orderIds.add(orderOf(workflowId));
  return [...orderIds];
}

/** None where it goes on, has been resolved, or where nothing was begun. */
async function stoppedStepsOf(client: Client, orderId: string): Promise<StuckStep[]> {
  const [placing, resolving] = await Promise.all(
    [workflowIdOf(orderId), resolutionIdOf(orderId)].map((workflowId) =>
      client.workflow.getHandle(workflowId).describe().catch(undefinedWhereGone),
    ),
  );
  const states = [placing?.status.name, resolving?.status.name];
  // What runs is among the running ones, where it is stuck.
  if (states.includes('RUNNING') || states[1] === 'COMPLETED') return [];
  const ended = resolving ?? placing;
  if (ended === undefined) return [];
  const { workflowId, runId, status, closeTime, startTime } = ended;
  const failure = await endOf(client.workflow.getHandle(workflowId, runId));
  if (failure?.code === 'InvalidInput') return [];
  return [
    {
      ...{ orderId, workflowId, problem: 'stopped', step: 'workflow', attempts: 1 },
      lastError: `${status.name.toLowerCase().replace('_', ' ')}${failure ? `: ${failure.message}` : ''}`,
      since: (closeTime ?? startTime).toISOString(),
    },
  ];
}

/** Why a workflow has failed or was ended. */
async function endOf(handle: WorkflowHandle): Promise<{ code?: string; message: string } | undefined> {
  try {
    await handle.result();
    return undefined;
  } catch (error) {
    if (isUnreadable(error)) return { message: (error as Error).message };
    if (!(error instanceof WorkflowFailedError)) throw error;
    const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
    if (cause === undefined) return undefined;
    const code = cause instanceof ApplicationFailure ? cause.type : undefined;
    return { message: cause.message, ...(code == null ? {} : { code }) };
  }
}

/**
 * Orders that wait for another service's answer, and of which nothing else shows why: its worker is down, or the workflow
 * that should bring the answer was ended.
 */
async function unanswered(
  client: Client,
  explained: ReadonlySet<string>,
  limits: Limits,
): Promise<StuckStep[]> {
  const startedBefore = new Date(Date.now() - limits.longerThan).toISOString();
  const query = `WorkflowType = 'placeOrder' AND ExecutionStatus = 'Running' AND StartTime < '${startedBefore}'`;
  const found = await pMap(
    listWorkflows(client, query),
    (listed) => (explained.has(orderOf(listed.workflowId)) ? [] : unansweredStepOf(client, listed)),
    AT_ONCE,
  );
  return found.flat();
}

/** One, where a running order has nothing to do but to wait for another service. */
export async function unansweredStepOf(
  client: Client,
  { workflowId, startedAt }: Pick<Listed, 'workflowId' | 'startedAt'>,
): Promise<StuckStep[]> {
  const description = await client.workflow.getHandle(workflowId).describe().catch(undefinedWhereGone);
  const isBusy = description?.raw.pendingActivities?.length || description?.raw.pendingWorkflowTask;
  if (description?.status.name !== 'RUNNING' || isBusy) return [];
  return [
    {
      ...{ orderId: orderOf(workflowId), workflowId, problem: 'waiting', step: 'inventory', attempts: 0 },
      ...{ lastError: 'it has not answered', since: startedAt.toISOString() },
    },
  ];
}

function stoppedDeliveryStep({ workflowId, orderId, status, stoppedAt }: StoppedDelivery): StuckStep {
  const step = stepOf(workflowId);
  return { orderId, workflowId, problem: 'stopped', step, attempts: 1, lastError: status, since: stoppedAt };
}

/** What waits in mailboxes and relays, and doesn't get on. */
export async function stuckWaiting(client: Client, limits: Limits): Promise<StuckStep[]> {
  return (await listWaiting(client)).map(waitingStep).filter((step) => isStuck(step, limits));
}

function waitingStep({ workflowId, orderId, type, failures, ...item }: WaitingItem): StuckStep {
  const { lastError, since, nextAttemptAt } = item;
  return {
    ...{ orderId, workflowId, problem: 'retrying', step: type, attempts: failures, since },
    lastError: lastError || 'it is being tried',
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

function isStuck({ attempts, since }: Pick<StuckStep, 'attempts' | 'since'>, limits: Limits): boolean {
  return attempts > limits.failures || isOlder(since, limits.longerThan);
}

function isOlder(since: string, milliseconds: number): boolean {
  return Date.now() - Date.parse(since) > milliseconds;
}

function timeOf(timestamp: Timestamp): string | undefined {
  if (!timestamp?.seconds) return undefined;
  return new Date(Number(timestamp.seconds) * 1_000 + (timestamp.nanos ?? 0) / 1e6).toISOString();
}

/** It may end between two questions, or be a stranger's that can't be read. */
function undefinedWhereGone(error: unknown): undefined {
  if (!(error instanceof WorkflowNotFoundError || isUnreadable(error))) throw error;
}

const NOT_TAKEN = 'no worker has taken it';
const NOW = () => new Date().toISOString();
