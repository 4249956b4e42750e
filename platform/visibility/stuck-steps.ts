import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import pMap from 'p-map';
import { orderOf } from '../../domain/addresses.ts';
import type { StuckLimits as Limits } from '../../domain/trouble.ts';
import type { Listed } from './listing.ts';
import { describeExecution, type Execution, messageOf, statusOf } from './reading.ts';
import { listWaiting, type WaitingItem } from './waiting.ts';

/** A step of an order that doesn't get on. Times are ISO 8601. */
export interface StuckStep {
  /** The order; `stock/<SKU>` where a stock document says of no order's. */
  readonly orderId: string;
  /**
   * The workflow: `order/<id>`, `resolve/<id>`, `event/<id>/…`, the mailbox or relay that keeps a message, or the sweep that
   * has left something alone.
   */
  readonly workflowId: string;
  /**
   * `retrying`: its step fails; `waiting`: no worker has taken it, or none has answered; `broken`: its workflow code
   * fails, as after a change that its history doesn't fit; `stopped`: its workflow has ended without an outcome; `skipped`:
   * its record, its stock or its workflow can't be made sense of, and is left alone until it is repaired.
   */
  readonly problem: 'retrying' | 'waiting' | 'broken' | 'stopped' | 'skipped';
  /** The activity, such as `inventory.commit`, or `workflow`. */
  readonly step: string;
  /** How often it has been tried. */
  readonly attempts: number;
  readonly lastError: string;
  readonly since: string;
  readonly nextAttemptAt?: string;
}

type PendingActivity = Execution['pendingActivities'][number];
type Events = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
type Timestamp = PendingActivity['scheduledTime'];

/** Those of its pending activities, and its workflow code, that don't get on. */
export async function stuckStepsOf(
  client: Client,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
  limits: Limits,
): Promise<StuckStep[]> {
  const execution = await describeExecution(client, { workflowId, runId });
  if (execution === undefined || !isRunning(execution) || !maybeStuck(execution, limits)) return [];
  const handle = client.workflow.getHandle(workflowId, runId);
  const events = (await handle.fetchHistory().catch(undefinedWhereGone))?.events ?? [];
  const steps = await pMap(execution.pendingActivities, (pending) => activityStep(client, pending, events));
  const stuck = steps.filter((step) => isStuck(step, limits));
  return [...stuck, ...(await workflowSteps(client, execution, events, limits))].map((step) => ({
    orderId: orderOf(workflowId),
    workflowId,
    ...step,
  }));
}

/** Spares the history of the many orders that are young and well. */
function maybeStuck(execution: Execution, { failures, longerThan }: Limits): boolean {
  const { workflowExecutionInfo: info, pendingActivities, pendingWorkflowTask: task } = execution;
  const isFailing = pendingActivities.some(({ attempt }) => (attempt ?? 1) - 1 > failures);
  const isBroken = (task?.attempt ?? 1) > 1;
  return isFailing || isBroken || isOlder(timeOf(info?.startTime) ?? NOW(), longerThan);
}

type Step = Omit<StuckStep, 'orderId' | 'workflowId'>;

async function activityStep(client: Client, pending: PendingActivity, events: Events): Promise<Step> {
  const { activityType, activityId, lastFailure, nextAttemptScheduleTime } = pending;
  const attempts = (pending.attempt ?? 1) - 1;
  const isWaiting = isUntaken(pending);
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

/** A reset step counts from 1 again, but knows that it has been started. */
function isUntaken({ attempt, lastStartedTime, lastAttemptCompleteTime }: PendingActivity): boolean {
  return (attempt ?? 1) === 1 && !lastStartedTime && !lastAttemptCompleteTime;
}

/** One, where the workflow's own code does not get on: it fails, or nobody runs it. */
async function workflowSteps(
  client: Client,
  { pendingWorkflowTask: task }: Execution,
  events: Events,
  { longerThan }: Limits,
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

/** One, where a running order has nothing to do but to wait for another service. */
export async function unansweredStepOf(
  client: Client,
  { workflowId, startedAt }: Pick<Listed, 'workflowId' | 'startedAt'>,
): Promise<StuckStep[]> {
  const execution = await describeExecution(client, { workflowId });
  if (execution === undefined || !isRunning(execution)) return [];
  if (execution.pendingActivities.length > 0 || execution.pendingWorkflowTask) return [];
  return [
    {
      ...{ orderId: orderOf(workflowId), workflowId, problem: 'waiting', step: 'inventory', attempts: 0 },
      ...{ lastError: 'it has not answered', since: startedAt.toISOString() },
    },
  ];
}

/** What waits in mailboxes and relays, and doesn't get on. */
export async function stuckWaiting(client: Client, limits: Limits): Promise<StuckStep[]> {
  const steps = (await listWaiting(client)).map(waitingStep).filter((step) => isStuck(step, limits));
  const untaken = await untakenBatches(client, [...new Set(steps.map(({ workflowId }) => workflowId))]);
  return steps.map((step) =>
    step.attempts === 0 && untaken.has(step.workflowId)
      ? { ...step, problem: 'waiting', lastError: NOT_TAKEN }
      : step,
  );
}

/** Those of these mailboxes and relays whose batch no worker has taken, so that all that they keep waits for one. */
async function untakenBatches(client: Client, workflowIds: readonly string[]): Promise<ReadonlySet<string>> {
  const untaken = await pMap(workflowIds, async (workflowId) => {
    const execution = await describeExecution(client, { workflowId });
    const [batch] = execution?.pendingActivities ?? [];
    return batch !== undefined && isUntaken(batch);
  });
  return new Set(workflowIds.filter((_, index) => untaken[index]));
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

/** False also where it is gone. */
export function isRunning(execution: Execution | undefined): boolean {
  return execution !== undefined && statusOf(execution) === 'running';
}

export function timeOf(timestamp: Timestamp): string | undefined {
  if (!timestamp?.seconds) return undefined;
  return new Date(Number(timestamp.seconds) * 1_000 + (timestamp.nanos ?? 0) / 1e6).toISOString();
}

/** For what may end between two questions. */
function undefinedWhereGone(error: unknown): undefined {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}

const NOT_TAKEN = 'no worker has taken it';
const NOW = () => new Date().toISOString();
