import { status } from '@grpc/grpc-js';
import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import type { ProtoFailure } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow/index.js';
import pMap from 'p-map';
import { orderOf, queries } from '../../domain/addresses.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { defined } from '../../domain/defined.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { QUERY_TIMEOUT, QUESTION_LIMIT } from '../../domain/policies.ts';
import { resolutionIdOf } from '../../domain/resolution.ts';
import type { StuckLimits, StuckStep } from '../../domain/stuck-step.ts';
import { parseSkipped, problemOf } from '../../domain/sweeps.ts';
import { grpcErrorIn } from '../connection/grpc-error.ts';
import { within } from '../time-limit.ts';
import type { Execution, Listed, Named } from './executions.ts';
import { describeExecution, endOf, isRunning, listWorkflows, statusOf, timeOf } from './executions.ts';

/** Finds every stuck step that Temporal shows, the oldest first. */
export async function findAllStuckSteps(client: Client, limits: StuckLimits): Promise<StuckStep[]> {
  // Those that run, and those that have ended without an outcome.
  const unfinished = "ExecutionStatus IN ('Running', 'Failed', 'Terminated', 'TimedOut', 'Canceled')";
  const query = `WorkflowType IN ('placeOrder', 'resolveOrder') AND ${unfinished}`;
  const scope = { workflows: listWorkflows(client, query), mailboxes: listMailboxes(client) };
  const found = await Promise.all([findStuckSteps(client, limits, scope), skippedBySweeps(client)]);
  return found.flat().sort((one, other) => (one.since < other.since ? -1 : 1));
}

/** With these limits, a step counts as stuck once it has failed. */
export const FAILED: StuckLimits = { failures: 0, longerThan: Number.POSITIVE_INFINITY };

type Items<Item> = AsyncIterable<Item> | Iterable<Item>;

/** Finds the stuck steps there. A workflow that can't be looked at becomes a step with the problem `skipped`. */
export async function findStuckSteps(
  client: Client,
  limits: StuckLimits,
  { workflows, mailboxes }: { readonly workflows: Items<Listed>; readonly mailboxes: Items<Named> },
) {
  const idle: Listed[] = [];
  const found = await Promise.all([
    eachAlone(workflows, look),
    eachAlone(mailboxes, (mailbox) => mailboxSteps(client, mailbox, limits)),
  ]);
  const explained = found.flat();
  const explainedIds = new Set(explained.map(({ orderId }) => orderId));
  const silent = idle.filter(({ workflowId }) => !explainedIds.has(orderOf(workflowId)));
  return [...explained, ...(await eachAlone(silent, (listed) => unansweredStep(client, listed)))];

  async function look(listed: Listed): Promise<StuckStep[]> {
    if (listed.endedAt !== undefined) return stoppedSteps(client, listed);
    const execution = await describeExecution(client, listed);
    if (isIdle(execution) && isOlder(listed.startedAt, limits.longerThan)) idle.push(listed);
    return stuckStepsOf(client, execution, limits);
  }
}

/** Looks at each of them; an error about one must not hold up the others. */
async function eachAlone<Item extends Named>(items: Items<Item>, look: (item: Item) => Promise<StuckStep[]>) {
  const lookAlone = async (item: Item) => {
    try {
      return await within(QUESTION_LIMIT, () => look(item));
    } catch (error) {
      if (ABOUT_ALL.includes(grpcErrorIn(error)?.code)) throw error;
      const lastError = problemOf(error);
      return [stepOf(item, { problem: 'skipped', step: 'workflow', attempts: 1, lastError, since: now() })];
    }
  };
  // Enough for thousands of orders in seconds, and too little for a Temporal server to feel.
  return (await pMap(items, lookAlone, { concurrency: 16 })).flat();
}

const { PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE, UNAUTHENTICATED } = status;
/** With these, Temporal answers nobody, or not us. */
const ABOUT_ALL: unknown[] = [PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE, UNAUTHENTICATED];

/** Finds which of its pending activities are stuck, and whether its workflow code is; nothing if it has ended. */
export async function stuckStepsOf(client: Client, execution: Execution | undefined, limits: StuckLimits) {
  const { workflowId, runId } = execution?.workflowExecutionInfo?.execution ?? {};
  if (!workflowId || !runId || !isRunning(execution) || !maybeStuck(execution, limits)) return [];
  const handle = client.workflow.getHandle(workflowId, runId);
  const history = await handle.fetchHistory().catch((error: unknown) => {
    // It may end between two questions.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
  const events = history?.events ?? [];
  const pending = execution.pendingActivities ?? [];
  const steps = await pMap(pending, (activity) => activityStep(client, activity, events));
  const stuck = steps.filter((step) => isStuck(step, limits));
  const own = await workflowSteps(client, execution, events, limits);
  return [...stuck, ...own].map((step) => stepOf({ workflowId }, step));
}

type Pending = NonNullable<Execution['pendingActivities']>[number];
type Events = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
type Step = Omit<StuckStep, 'orderId' | 'workflowId'>;

function stepOf({ workflowId }: Named, step: Step): StuckStep {
  return { orderId: orderOf(workflowId), workflowId, ...step };
}

/** Saves reading the history of the many orders that are young and well. */
function maybeStuck(execution: Execution, { failures, longerThan }: StuckLimits): boolean {
  const isFailing = execution.pendingActivities?.some(({ attempt }) => (attempt ?? 1) - 1 > failures);
  const isBroken = (execution.pendingWorkflowTask?.attempt ?? 1) > 1;
  const since = timeOf(execution.workflowExecutionInfo?.startTime) ?? now();
  return isFailing === true || isBroken || isOlder(since, longerThan);
}

async function activityStep(client: Client, pending: Pending, events: Events): Promise<Step> {
  const { activityType, activityId, lastFailure } = pending;
  const attempts = (pending.attempt ?? 1) - 1;
  // A reset step counts from 1 again, but knows that it was started.
  const isUntaken = attempts === 0 && !pending.lastStartedTime && !pending.lastAttemptCompleteTime;
  const scheduled = events.find((one) => one.activityTaskScheduledEventAttributes?.activityId === activityId);
  return defined({
    problem: isUntaken ? ('waiting' as const) : ('retrying' as const),
    step: activityType?.name ?? 'unknown',
    attempts,
    lastError: (await messageOf(client, lastFailure)) || (isUntaken ? NOT_TAKEN : BEING_TRIED),
    since: timeOf(scheduled?.eventTime) ?? timeOf(pending.scheduledTime) ?? now(),
    nextAttemptAt: timeOf(pending.nextAttemptScheduleTime),
  });
}

/** The message of a failure; if it is encrypted with a key that is not here, that says so. */
export async function messageOf(client: Client, failure: ProtoFailure | null | undefined): Promise<string> {
  try {
    const error = await decodeOptionalFailureToOptionalError(client.options.loadedDataConverter, failure);
    return error?.message ?? '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether the workflow's own code is stuck: it fails, or nobody runs it. */
async function workflowSteps(client: Client, execution: Execution, events: Events, limits: StuckLimits) {
  const { pendingWorkflowTask: task } = execution;
  if (!task) return [];
  const attempts = (task.attempt ?? 1) - 1;
  const since = timeOf(task.originalScheduledTime) ?? timeOf(task.scheduledTime) ?? now();
  // A worker that hangs or was killed says nothing against the code, so a timeout after a failure hides it.
  const last = events.findLast(
    ({ workflowTaskFailedEventAttributes: failed, workflowTaskTimedOutEventAttributes: timedOut }) =>
      failed?.failure?.message || timedOut,
  );
  const failure = last?.workflowTaskFailedEventAttributes?.failure;
  if (attempts > 0 && failure) {
    const lastError = await messageOf(client, failure);
    return [{ problem: 'broken' as const, step: 'workflow', attempts, lastError, since }];
  }
  if (!isOlder(since, limits.longerThan)) return [];
  const lastError = attempts > 0 ? 'its worker did not answer in time' : NOT_TAKEN;
  return [{ problem: 'waiting' as const, step: 'workflow', attempts, lastError, since }];
}

/** What waits in a mailbox, and is stuck: by itself, or because the batch of its receiver is. Or the mailbox itself is. */
async function mailboxSteps(client: Client, mailbox: Named, limits: StuckLimits): Promise<StuckStep[]> {
  const items = await waitingIn(client, mailbox);
  if (items === undefined) {
    const steps = await stuckStepsOf(client, await describeExecution(client, mailbox), limits);
    return steps.filter(({ step }) => step === 'workflow');
  }
  const batches = items.length === 0 ? [] : await pendingSteps(client, mailbox);
  const steps = items.map(({ orderId, workflowId, step, handler, since, failures: attempts, ...item }) => {
    const { lastError, nextAttemptAt } = item;
    const own = defined({ problem: 'retrying' as const, attempts, lastError, nextAttemptAt });
    const batch = batches.find((pending) => pending.step === handler);
    const shown = attempts > 0 || batch === undefined ? own : batch;
    return { ...shown, orderId, workflowId, step, since, lastError: shown.lastError || BEING_TRIED };
  });
  return steps.filter((step) => isStuck(step, limits));
}

/** Lists what waits in a mailbox; undefined if it has ended, or its worker does not answer. */
async function waitingIn(client: Client, { workflowId }: Named) {
  const query = () => client.workflow.getHandle(workflowId).query<WaitingView[]>(queries.waiting);
  const waiting = await client.withDeadline(Date.now() + QUERY_TIMEOUT, query).catch(() => undefined);
  return waiting?.map((item) => ({ ...item, workflowId, step: `${item.type} to ${item.receiver}` }));
}

export function listMailboxes(client: Client): AsyncIterable<Named> {
  return listWorkflows(client, "WorkflowType = 'mailbox' AND ExecutionStatus = 'Running'");
}

/** Lists what waits in every mailbox whose worker answers. */
export async function listWaiting(client: Client) {
  const waiting = await pMap(listMailboxes(client), (each) => waitingIn(client, each), { concurrency: 16 });
  return waiting.flatMap((items) => items ?? []);
}

/** What a mailbox has its receivers do now. */
export async function pendingSteps(client: Client, { workflowId }: Named): Promise<StuckStep[]> {
  const execution = await describeExecution(client, { workflowId });
  const steps = await pMap(execution?.pendingActivities ?? [], (one) => activityStep(client, one, []));
  return steps.map((step) => stepOf({ workflowId }, step));
}

/** Whether an order has nothing to do but to wait for others. */
function isIdle(execution: Execution | undefined): boolean {
  const isPlacing = isRunning(execution) && execution.workflowExecutionInfo?.type?.name === 'placeOrder';
  return isPlacing && !execution.pendingActivities?.length && !execution.pendingWorkflowTask;
}

/** One step if an order still waits for an answer: a worker is down, or a mailbox was ended. */
async function unansweredStep(client: Client, { workflowId, startedAt: since }: Listed) {
  const execution = await describeExecution(client, { workflowId });
  if (!isIdle(execution)) return [];
  const lastError = 'it has not answered';
  return [stepOf({ workflowId }, { problem: 'waiting', step: 'inventory', attempts: 0, lastError, since })];
}

/** One step for a workflow that ended without an outcome; none if it goes on, was resolved, or had begun nothing. */
async function stoppedSteps(client: Client, listed: Listed): Promise<StuckStep[]> {
  const { workflowId, runId, startedAt, endedAt: since = startedAt } = listed;
  const latest = await describeExecution(client, { workflowId });
  if (latest?.workflowExecutionInfo?.execution?.runId !== runId) return [];
  const orderId = orderOf(workflowId);
  const isPlacing = workflowId === workflowIdOf(orderId);
  const otherId = isPlacing ? resolutionIdOf(orderId) : workflowIdOf(orderId);
  const other = await describeExecution(client, { workflowId: otherId });
  // A running workflow and a resolution are looked at by themselves.
  if (isRunning(other) || (isPlacing && other !== undefined)) return [];
  const failure = await endOf(client, { workflowId, runId });
  if (failure?.code === 'InvalidInput') return [];
  const how = statusOf(latest);
  const lastError = failure ? `${how}: ${failure.message}` : how;
  return [{ orderId, workflowId, problem: 'stopped', step: 'workflow', attempts: 1, lastError, since }];
}

/** Names a step beside its order: what waits in a mailbox with its place, such as `mailbox/1 SellStock to inventory`. */
export function ownNameOf({ workflowId, step }: Pick<StuckStep, 'workflowId' | 'step'>): string {
  return workflowId.startsWith('mailbox/') ? `${workflowId} ${step}` : step;
}

/** What the last completed sweeps have left alone; what was repaired meanwhile is listed until the next one. */
async function skippedBySweeps(client: Client): Promise<StuckStep[]> {
  const found = await pMap(Object.entries(sweepSteps), async ([type, step]) => {
    // Temporal lists the workflow that ended last first.
    const sweeps = listWorkflows(client, `WorkflowType = '${type}' AND ExecutionStatus = 'Completed'`);
    const { value: last } = await sweeps.next();
    return eachAlone(last ? [last] : [], async ({ workflowId, runId, startedAt, endedAt = startedAt }) => {
      const skipped = parseSkipped(await client.workflow.getHandle(workflowId, runId).result());
      const about = { workflowId, problem: 'skipped', step, attempts: 1, since: endedAt } as const;
      return skipped.map(({ orderId, problem: lastError }) => ({ orderId, ...about, lastError }));
    });
  });
  return found.flat();
}

const sweepSteps = { reapHolds: 'inventory.findOrphans', watchOrders: 'orders.publishLeftBehind' };

function isStuck({ attempts, since }: Pick<StuckStep, 'attempts' | 'since'>, limits: StuckLimits): boolean {
  return attempts > limits.failures || isOlder(since, limits.longerThan);
}

function isOlder(since: string, milliseconds: number): boolean {
  return Date.now() - Date.parse(since) > milliseconds;
}

const now = (): string => new Date().toISOString();

const NOT_TAKEN = 'no worker has taken it';
const BEING_TRIED = 'it is being tried';
