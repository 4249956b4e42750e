import { status } from '@grpc/grpc-js';
import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import pMap from 'p-map';
import { orderOf } from '../../domain/addresses.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { QUESTION_LIMIT } from '../../domain/policies.ts';
import { resolutionIdOf } from '../../domain/resolution.ts';
import type { StuckLimits, StuckStep } from '../../domain/stuck-step.ts';
import { parseSkipped, problemOf, type Skipped } from '../../domain/sweeps.ts';
import { grpcErrorIn } from '../connection/grpc-error.ts';
import { within } from '../time-limit.ts';
import {
  describeExecution,
  type Execution,
  endOf,
  isRunning,
  type Listed,
  listWorkflows,
  messageOf,
  statusOf,
} from './executions.ts';
import { listCarriers, waitingIn } from './waiting.ts';

/** Every step that is stuck, the oldest first, as far as Temporal shows. */
export async function findAllStuckSteps(client: Client, limits: StuckLimits): Promise<StuckStep[]> {
  const workflows = listWorkflows(
    client,
    `WorkflowType IN ('placeOrder', 'resolveOrder', 'deliverEvent') AND ${UNFINISHED}`,
  );
  const [steps, skipped] = await Promise.all([
    findStuckSteps(client, limits, { workflows, carriers: listCarriers(client) }),
    skippedBySweep(client),
  ]);
  return [...steps, ...skipped].sort((one, other) => (one.since < other.since ? -1 : 1));
}

/** The conditions of queries that are met by what has ended without an outcome, and by that and what runs. */
export const STOPPED = "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')";
export const UNFINISHED = `(ExecutionStatus = 'Running' OR ${STOPPED})`;

/** With these limits, steps are found that have failed at least once. */
export const FAILED: StuckLimits = { failures: 0, longerThan: Number.POSITIVE_INFINITY };

/** Where to look. */
export interface Scope {
  /** Workflows of orders, of resolutions and of deliveries that run, or have ended without an outcome. */
  readonly workflows: AsyncIterable<Listed> | Iterable<Listed>;
  /** The ids of mailboxes and relays, where messages and events of orders wait. */
  readonly carriers: AsyncIterable<string> | Iterable<string>;
}

/**
 * The steps that are stuck there. What is wrong with one workflow, also that nobody answers for it, is said of it as a step
 * that was skipped, and keeps none of the others.
 */
export async function findStuckSteps(
  client: Client,
  limits: StuckLimits,
  { workflows, carriers }: Scope,
): Promise<StuckStep[]> {
  const idle: Listed[] = [];
  const [own, waiting] = await Promise.all([
    pMap(workflows, (listed) => alone(listed.workflowId, () => look(listed)), AT_ONCE),
    pMap(
      carriers,
      (workflowId) => alone(workflowId, () => waitingSteps(client, workflowId, limits)),
      AT_ONCE,
    ),
  ]);
  const explained = [...own.flat(), ...waiting.flat()];
  const explainedIds = new Set(explained.map(({ orderId }) => orderId));
  const silent = idle.filter(({ workflowId }) => !explainedIds.has(orderOf(workflowId)));
  const unanswered = await pMap(
    silent,
    (listed) => alone(listed.workflowId, () => unansweredStep(client, listed)),
    AT_ONCE,
  );
  return [...explained, ...unanswered.flat()];

  async function look(listed: Listed): Promise<StuckStep[]> {
    if (listed.endedAt !== undefined) return stoppedSteps(client, listed);
    const execution = await describeExecution(client, listed);
    if (!isRunning(execution)) return [];
    if (isIdle(execution) && isOlder(listed.startedAt.toISOString(), limits.longerThan)) idle.push(listed);
    return stuckStepsOf(client, execution, limits);
  }
}

// Enough for thousands of orders in seconds, and nothing that a Temporal server would feel.
const AT_ONCE = { concurrency: 16 };

async function alone(workflowId: string, look: () => Promise<StuckStep[]>): Promise<StuckStep[]> {
  try {
    return await within(QUESTION_LIMIT, look);
  } catch (error) {
    if (ABOUT_ALL.includes(grpcErrorIn(error)?.code)) throw error;
    const about = { orderId: orderOf(workflowId), problem: problemOf(error) };
    return [skippedStep(about, workflowId, 'workflow', new Date())];
  }
}

/** With these, Temporal answers nobody, or not us. */
const ABOUT_ALL: readonly (status | undefined)[] = [
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.UNAVAILABLE,
  status.UNAUTHENTICATED,
];

/** Those of its pending activities, and its workflow code, that are stuck; none of one that has ended. */
export async function stuckStepsOf(
  client: Client,
  execution: Execution,
  limits: StuckLimits,
): Promise<StuckStep[]> {
  const { workflowId, runId } = execution.workflowExecutionInfo?.execution ?? {};
  if (!workflowId || !runId || !isRunning(execution) || !maybeStuck(execution, limits)) return [];
  const handle = client.workflow.getHandle(workflowId, runId);
  const events = (await handle.fetchHistory().catch(undefinedWhereGone))?.events ?? [];
  const steps = await pMap(pendingIn(execution), (pending) => activityStep(client, pending, events));
  const stuck = steps.filter((step) => isStuck(step, limits));
  return [...stuck, ...(await workflowSteps(client, execution, events, limits))].map((step) => ({
    ...{ orderId: orderOf(workflowId), workflowId },
    ...step,
  }));
}

type Pending = NonNullable<Execution['pendingActivities']>[number];
type Events = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
type Step = Omit<StuckStep, 'orderId' | 'workflowId'>;

function pendingIn({ pendingActivities }: Execution): readonly Pending[] {
  return pendingActivities ?? [];
}

/** Spares the history of the many orders that are young and well. */
function maybeStuck(execution: Execution, { failures, longerThan }: StuckLimits): boolean {
  const isFailing = pendingIn(execution).some(({ attempt }) => (attempt ?? 1) - 1 > failures);
  const isBroken = (execution.pendingWorkflowTask?.attempt ?? 1) > 1;
  const since = timeOf(execution.workflowExecutionInfo?.startTime) ?? NOW();
  return isFailing || isBroken || isOlder(since, longerThan);
}

async function activityStep(client: Client, pending: Pending, events: Events): Promise<Step> {
  const { activityType, activityId, attempt, lastFailure } = pending;
  // A reset step counts from 1 again, but knows that it has been started.
  const isUntaken = (attempt ?? 1) === 1 && !pending.lastStartedTime && !pending.lastAttemptCompleteTime;
  const scheduled = events.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityId === activityId,
  );
  const nextAttemptAt = timeOf(pending.nextAttemptScheduleTime);
  return {
    problem: isUntaken ? 'waiting' : 'retrying',
    step: activityType?.name ?? 'unknown',
    attempts: (attempt ?? 1) - 1,
    lastError: (await messageOf(client, lastFailure)) || (isUntaken ? NOT_TAKEN : BEING_TRIED),
    since: timeOf(scheduled?.eventTime) ?? timeOf(pending.scheduledTime) ?? NOW(),
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

/** One, where the workflow's own code is stuck: it fails, or nobody runs it. */
async function workflowSteps(
  client: Client,
  { pendingWorkflowTask: task }: Execution,
  events: Events,
  { longerThan }: StuckLimits,
): Promise<Step[]> {
  if (!task) return [];
  const attempts = (task.attempt ?? 1) - 1;
  const since = timeOf(task.originalScheduledTime) ?? timeOf(task.scheduledTime) ?? NOW();
  const failure = attempts > 0 ? lastTaskFailure(events) : undefined;
  if (failure !== undefined) {
    const lastError = await messageOf(client, failure);
    return [{ problem: 'broken', step: 'workflow', attempts, lastError, since }];
  }
  // A worker that hangs or was killed: the code may be as good as any.
  if (!isOlder(since, longerThan)) return [];
  const lastError = attempts > 0 ? 'its worker did not answer in time' : NOT_TAKEN;
  return [{ problem: 'waiting', step: 'workflow', attempts, lastError, since }];
}

/** Why its code has failed last; nothing where its worker has not answered since. */
function lastTaskFailure(events: Events) {
  const last = events.findLast(
    ({ workflowTaskFailedEventAttributes: failed, workflowTaskTimedOutEventAttributes: timedOut }) =>
      failed?.failure?.message || timedOut,
  );
  return last?.workflowTaskFailedEventAttributes?.failure ?? undefined;
}

/** What waits in a mailbox or a relay, and is stuck: by itself, or because its whole batch is. */
async function waitingSteps(client: Client, workflowId: string, limits: StuckLimits): Promise<StuckStep[]> {
  const [items, execution] = await Promise.all([
    waitingIn(client, workflowId),
    describeExecution(client, { workflowId }),
  ]);
  const [pending] = items.length > 0 && execution ? pendingIn(execution) : [];
  const batch = pending && (await activityStep(client, pending, []));
  return items.map((item) => waitingStep(item, workflowId, batch)).filter((step) => isStuck(step, limits));
}

function waitingStep(
  { orderId, type: step, failures, since, ...item }: WaitingView,
  workflowId: string,
  batch: Step | undefined,
): StuckStep {
  const isAlone = failures > 0 || batch === undefined;
  const { problem, attempts, lastError, nextAttemptAt } = isAlone
    ? { problem: 'retrying' as const, attempts: failures, ...item }
    : batch;
  return {
    ...{ orderId, workflowId, problem, step, attempts, since, lastError: lastError || BEING_TRIED },
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

/** True where it has nothing to do but to wait for others. */
function isIdle(execution: Execution): boolean {
  const isPlacing = execution.workflowExecutionInfo?.type?.name === 'placeOrder';
  return isPlacing && pendingIn(execution).length === 0 && !execution.pendingWorkflowTask;
}

/**
 * One, where an order still waits for another service's answer, and nothing else shows why: its worker is down, or the
 * workflow that should bring the answer was ended.
 */
async function unansweredStep(client: Client, { workflowId, startedAt }: Listed): Promise<StuckStep[]> {
  const execution = await describeExecution(client, { workflowId });
  if (!isRunning(execution) || !isIdle(execution)) return [];
  return [
    {
      ...{ orderId: orderOf(workflowId), workflowId, problem: 'waiting', step: 'inventory', attempts: 0 },
      ...{ lastError: 'it has not answered', since: startedAt.toISOString() },
    },
  ];
}

/** One of what has ended without an outcome; none where it goes on, has been resolved, or where nothing was begun. */
export async function stoppedSteps(
  client: Client,
  { workflowId, runId, startedAt, endedAt = startedAt }: Listed,
): Promise<StuckStep[]> {
  const latest = await describeExecution(client, { workflowId });
  if (latest?.workflowExecutionInfo?.execution?.runId !== runId) return [];
  const orderId = orderOf(workflowId);
  const stopped = { orderId, workflowId, problem: 'stopped' as const };
  const rest = { attempts: 1, lastError: statusOf(latest), since: endedAt.toISOString() };
  if (workflowId.startsWith('event/')) return [{ ...stopped, step: deliveryStepOf(workflowId), ...rest }];

  const isPlacing = workflowId === workflowIdOf(orderId);
  const other = await describeExecution(client, {
    workflowId: isPlacing ? resolutionIdOf(orderId) : workflowIdOf(orderId),
  });
  // What runs is looked at by itself, and so is a resolution.
  if (isRunning(other) || (isPlacing && other !== undefined)) return [];
  const failure = await endOf(client, { workflowId, runId });
  if (failure?.code === 'InvalidInput') return [];
  const lastError = `${rest.lastError}${failure ? `: ${failure.message}` : ''}`;
  return [{ ...stopped, step: 'workflow', ...rest, lastError }];
}

/** What a step is called where all is about its order: a message with where it waits, such as `mailbox/1 SellStock`. */
export function ownNameOf({ workflowId, step }: Pick<StuckStep, 'workflowId' | 'step'>): string {
  return /^(mailbox|relay)\//.test(workflowId) ? `${workflowId} ${step}` : step;
}

/** The activity that a delivery runs, such as `inventory.onOrderPlaced`. */
export function deliveryStepOf(deliveryId: string): string {
  const [, , type = '', subscriber = ''] = deliveryId.split('/');
  return `${subscriber}.on${type}`;
}

/** What the last sweep that has ended well has left alone; what was repaired meanwhile is there until the next one. */
async function skippedBySweep(client: Client): Promise<StuckStep[]> {
  // The last ended first.
  const sweeps = listWorkflows(client, `WorkflowType = 'reapHolds' AND ExecutionStatus = 'Completed'`);
  for await (const { workflowId, runId, startedAt, endedAt = startedAt } of sweeps) {
    return alone(workflowId, async () => {
      const result: unknown = await client.workflow.getHandle(workflowId, runId).result();
      return parseSkipped(result).map((about) =>
        skippedStep(about, workflowId, 'inventory.findOrphans', endedAt),
      );
    });
  }
  return [];
}

function skippedStep(
  { orderId, problem: lastError }: Skipped,
  workflowId: string,
  step: string,
  seenAt: Date,
): StuckStep {
  const since = seenAt.toISOString();
  return { orderId, workflowId, problem: 'skipped', step, attempts: 1, lastError, since };
}

function isStuck({ attempts, since }: Pick<StuckStep, 'attempts' | 'since'>, limits: StuckLimits): boolean {
  return attempts > limits.failures || isOlder(since, limits.longerThan);
}

function isOlder(since: string, milliseconds: number): boolean {
  return Date.now() - Date.parse(since) > milliseconds;
}

function timeOf(timestamp: Pending['scheduledTime']): string | undefined {
  return optionalTsToDate(timestamp)?.toISOString();
}

/** For what may end between two questions. */
function undefinedWhereGone(error: unknown): undefined {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}

const NOT_TAKEN = 'no worker has taken it';
const BEING_TRIED = 'it is being tried';
const NOW = () => new Date().toISOString();
