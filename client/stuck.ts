import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import pMap from 'p-map';
import { orderOf } from '../domain/addresses.ts';
import { workflowIdOf } from '../domain/place-order.ts';
import { QUESTION_LIMIT } from '../domain/policies.ts';
import { resolutionIdOf } from '../domain/resolution.ts';
import { parseSkipped, problemOf, type Skipped } from '../domain/sweeps.ts';
import type { StuckLimits as Limits } from '../domain/trouble.ts';
import { within } from '../platform/time-limit.ts';
import { type Listed, listWorkflows } from '../platform/visibility/listing.ts';
import { describeExecution, isUnreadable, statusOf } from '../platform/visibility/reading.ts';
import {
  isRunning,
  type StuckStep,
  stuckStepsOf,
  stuckWaiting,
  timeOf,
  unansweredStepOf,
} from '../platform/visibility/stuck-steps.ts';
import { listEndedDeliveries, type StoppedDelivery, stepOf, stoppedDelivery } from './exchange.ts';

/** From when on an order counts as stuck. */
export interface StuckOptions {
  /** A step has failed more often than this; 5 by default. */
  readonly failures?: number;
  /** A step has been waiting or retried for more milliseconds than this; 60,000 by default. */
  readonly longerThan?: number;
}

/** Every order that doesn't get on, the oldest first, as far as Temporal shows. */
export async function findStuck(client: Client, limits: Limits): Promise<StuckStep[]> {
  const [running, stopped, undelivered, waiting, skipped] = await Promise.all([
    pMap(
      listWorkflows(client, RUNNING),
      (found) => alone(found.workflowId, () => stuckStepsOf(client, found, limits)),
      AT_ONCE,
    ),
    stoppedOrders(client).then((orderIds) =>
      pMap(orderIds, (id) => alone(workflowIdOf(id), () => stoppedStepsOf(client, id)), AT_ONCE),
    ),
    pMap(
      listEndedDeliveries(client),
      (ended) =>
        alone(ended.workflowId, async () => (await stoppedDelivery(client, ended)).map(stoppedDeliveryStep)),
      AT_ONCE,
    ),
    stuckWaiting(client, limits),
    skippedSteps(client),
  ]);
  const explained = [...running.flat(), ...stopped.flat(), ...undelivered.flat(), ...waiting];
  const silent = await unanswered(client, new Set(explained.map(({ orderId }) => orderId)), limits);
  return [...explained, ...silent, ...skipped].sort((one, other) => (one.since < other.since ? -1 : 1));
}

/** What is wrong with one workflow, also that nobody answers for it, is said of it, and keeps none of the others. */
async function alone(workflowId: string, look: () => Promise<StuckStep[]>): Promise<StuckStep[]> {
  try {
    return await within(QUESTION_LIMIT, look);
  } catch (error) {
    if (isAboutAll(error)) throw error;
    const about = { orderId: orderOf(workflowId), problem: problemOf(error) };
    return [skippedStep(about, workflowId, 'workflow', new Date())];
  }
}

/** True where Temporal answers nobody, or not us. */
function isAboutAll(error: unknown): boolean {
  const grpc = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(grpc) && ABOUT_ALL.includes(grpc.code);
}

// gRPC's PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE and UNAUTHENTICATED.
const ABOUT_ALL: readonly number[] = [7, 8, 14, 16];

/** What the last sweep that has ended well has left alone; what was repaired meanwhile is there until the next one. */
async function skippedSteps(client: Client): Promise<StuckStep[]> {
  for await (const sweep of listWorkflows(client, SWEPT)) {
    return alone(sweep.workflowId, () => skippedIn(client, sweep));
  }
  return [];
}

async function skippedIn(
  client: Client,
  { workflowId, runId, startedAt, endedAt = startedAt }: Listed,
): Promise<StuckStep[]> {
  const result: unknown = await client.workflow.getHandle(workflowId, runId).result();
  return parseSkipped(result).map((about) =>
    skippedStep(about, workflowId, 'inventory.findOrphans', endedAt),
  );
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

const TYPES = `WorkflowType IN ('placeOrder', 'resolveOrder')`;
const RUNNING = `WorkflowType IN ('placeOrder', 'resolveOrder', 'deliverEvent') AND ExecutionStatus = 'Running'`;
// The last ended first.
const SWEPT = `WorkflowType = 'reapHolds' AND ExecutionStatus = 'Completed'`;
const STOPPED = `${TYPES} AND ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')`;
// Enough for thousands of orders in seconds, and nothing that a Temporal server would feel.
const AT_ONCE = { concurrency: 16 };

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
      describeExecution(client, { workflowId }),
    ),
  );
  // What runs is among the running ones, where it is stuck.
  if (isRunning(placing) || isRunning(resolving)) return [];
  const ended = resolving ?? placing;
  const { execution, closeTime, startTime } = ended?.workflowExecutionInfo ?? {};
  if (ended === undefined || !execution?.workflowId || !execution.runId) return [];
  const status = statusOf(ended);
  if (resolving !== undefined && status === 'completed') return [];
  const { workflowId, runId } = execution;
  const failure = await endOf(client.workflow.getHandle(workflowId, runId));
  if (failure?.code === 'InvalidInput') return [];
  return [
    {
      ...{ orderId, workflowId, problem: 'stopped', step: 'workflow', attempts: 1 },
      lastError: `${status}${failure ? `: ${failure.message}` : ''}`,
      since: timeOf(closeTime) ?? timeOf(startTime) ?? new Date().toISOString(),
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
    (listed) =>
      explained.has(orderOf(listed.workflowId))
        ? []
        : alone(listed.workflowId, () => unansweredStepOf(client, listed)),
    AT_ONCE,
  );
  return found.flat();
}

function stoppedDeliveryStep({ workflowId, orderId, status, stoppedAt }: StoppedDelivery): StuckStep {
  const step = stepOf(workflowId);
  return { orderId, workflowId, problem: 'stopped', step, attempts: 1, lastError: status, since: stoppedAt };
}
