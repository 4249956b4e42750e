import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import pMap from 'p-map';
import { orderOf, signals } from '../../domain/addresses.ts';
import { defined } from '../../domain/defined.ts';
import { QUESTION_LIMIT, WATCH_INTERVAL } from '../../domain/policies.ts';
import type { OwnStuckStep, StuckLimits, StuckStep } from '../../domain/stuck-step.ts';
import { problemOf, type Skipped } from '../../domain/sweeps.ts';
import { within } from '../time-limit.ts';
import { type Listed, listWorkflows } from './executions.ts';
import { findStuckSteps, listMailboxes, ownNameOf } from './stuck-steps.ts';

/** Tells orders of their stuck steps: once, and whenever these are twice as old, so that no history fills. Returns their ids. */
export async function tellStuckOrders(
  client: Client,
  limits: StuckLimits,
  report: (skipped: Skipped) => void,
): Promise<string[]> {
  const orders = await listDue(client, limits);
  if (orders.length === 0) return [];
  const scope = { workflows: orders, mailboxes: listMailboxes(client) };
  const steps = await findStuckSteps(client, limits, scope);
  for (const { orderId, problem, lastError } of steps)
    if (problem === 'skipped') report({ orderId, problem: lastError });
  return (await pMap(orders, tell, { concurrency: 16 })).flat();

  async function tell({ workflowId, runId }: Listed): Promise<string[]> {
    const orderId = orderOf(workflowId);
    // If nobody runs the workflow itself, it can't receive a signal either.
    const own = steps.filter((step) => step.orderId === orderId && step.step !== 'workflow');
    if (own.length === 0) return [];
    const handle = client.workflow.getHandle(workflowId, runId);
    const told = own.slice(0, MOST_STEPS).map(ownStep);
    try {
      await within(QUESTION_LIMIT, () => handle.signal(signals.stuckSteps, told));
      return [orderId];
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) report({ orderId, problem: problemOf(error) });
      return [];
    }
  }
}

const MOST_ORDERS = 100;
const MOST_STEPS = 10;

/** Running orders that are old enough to be stuck, and don't know of it or were told long ago. */
async function listDue(client: Client, { longerThan }: StuckLimits): Promise<Listed[]> {
  const before = new Date(Date.now() - longerThan).toISOString();
  const query = `WorkflowType = 'placeOrder' AND ExecutionStatus = 'Running' AND StartTime < '${before}'`;
  const due: Listed[] = [];
  for await (const listed of listWorkflows(client, query)) if (isDue(listed, longerThan)) due.push(listed);
  return due.sort((one, other) => one.startedAt.localeCompare(other.startedAt)).slice(0, MOST_ORDERS);
}

function isDue({ startedAt, info }: Listed, longerThan: number): boolean {
  const needsAttention = info.searchAttributes?.indexedFields?.OrderNeedsAttention?.data;
  if (needsAttention && Buffer.from(needsAttention).toString() === 'false') return true;
  const age = Date.now() - Date.parse(startedAt);
  const unit = Math.max(longerThan, WATCH_INTERVAL);
  const doublings = (milliseconds: number) => Math.floor(Math.log2(Math.max(milliseconds / unit, 1)));
  return doublings(age) > doublings(age - WATCH_INTERVAL);
}

function ownStep({ workflowId, step, attempts, lastError, since, nextAttemptAt }: StuckStep): OwnStuckStep {
  const name = ownNameOf({ workflowId, step });
  return defined({ step: name, attempts, lastError: lastError.slice(0, 500), since, nextAttemptAt });
}
