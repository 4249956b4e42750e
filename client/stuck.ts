import { type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import pMap from 'p-map';
import { orderOf } from '../domain/addresses.ts';
import { workflowIdOf } from '../domain/place-order.ts';
import { resolutionIdOf } from '../domain/resolution.ts';
import type { StuckLimits as Limits } from '../domain/trouble.ts';
import { listWorkflows } from '../platform/visibility/listing.ts';
import { describeExecution, isUnreadable, statusOf } from '../platform/visibility/reading.ts';
import {
  isRunning,
  type StuckStep,
  stuckStepsOf,
  stuckWaiting,
  timeOf,
  unansweredStepOf,
} from '../platform/visibility/stuck-steps.ts';
import { listStoppedDeliveries, type StoppedDelivery, stepOf } from './exchange.ts';

/** From when on an order counts as stuck. */
export interface StuckOptions {
  /** A step has failed more often than this; 5 by default. */
  readonly failures?: number;
  /** A step has been waiting or retried for more milliseconds than this; 60,000 by default. */
  readonly longerThan?: number;
}

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
    (listed) => (explained.has(orderOf(listed.workflowId)) ? [] : unansweredStepOf(client, listed)),
    AT_ONCE,
  );
  return found.flat();
}

function stoppedDeliveryStep({ workflowId, orderId, status, stoppedAt }: StoppedDelivery): StuckStep {
  const step = stepOf(workflowId);
  return { orderId, workflowId, problem: 'stopped', step, attempts: 1, lastError: status, since: stoppedAt };
}
