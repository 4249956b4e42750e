import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import pMap from 'p-map';
import { orderOf } from '../../domain/addresses.ts';
import type { StuckLimits as Limits } from '../../domain/trouble.ts';
import type { Listed } from './listing.ts';
import { isUnreadable, messageOf } from './reading.ts';
import { listWaiting, type WaitingItem } from './waiting.ts';

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

/** For what may end between two questions, or be a stranger's that can't be read. */
export function undefinedWhereGone(error: unknown): undefined {
  if (!(error instanceof WorkflowNotFoundError || isUnreadable(error))) throw error;
}

const NOT_TAKEN = 'no worker has taken it';
const NOW = () => new Date().toISOString();
