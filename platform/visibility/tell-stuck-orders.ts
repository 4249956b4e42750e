import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import pMap from 'p-map';
import { orderOf, signals } from '../../domain/addresses.ts';
import { QUESTION_LIMIT, WATCH_INTERVAL } from '../../domain/policies.ts';
import type { OwnStuckStep, StuckLimits, StuckStep } from '../../domain/stuck-step.ts';
import { problemOf, type Skipped } from '../../domain/sweeps.ts';
import { within } from '../time-limit.ts';
import { type Listed, listWorkflows } from './executions.ts';
import { findStuckSteps, ownNameOf, UNFINISHED } from './stuck-steps.ts';
import { listCarriers } from './waiting.ts';

/**
 * Tells orders which steps of theirs are stuck, so that they show it: once when it is found, and again each time when they
 * are twice as old, so that an order that waits for weeks doesn't fill its history. One that can't be looked at, or told,
 * keeps none of the others.
 *
 * @param report Told of each that was left alone.
 * @returns The ids of the orders that were told: at most 100, the oldest.
 */
export async function tellStuckOrders(
  client: Client,
  limits: StuckLimits,
  report: (skipped: Skipped) => void = () => {},
): Promise<string[]> {
  const orders = await listDue(client, limits);
  if (orders.length === 0) return [];
  const workflows = [...orders, ...(await deliveriesOf(client, orders, limits))];
  const steps = await findStuckSteps(client, limits, { workflows, carriers: listCarriers(client) });
  for (const { orderId, problem, lastError } of steps)
    if (problem === 'skipped') report({ orderId, problem: lastError });
  const told = await pMap(
    orders,
    async (order) => {
      const orderId = orderOf(order.workflowId);
      // Where nobody runs the workflow itself, it could not hear either.
      const own = steps.filter((step) => step.orderId === orderId && step.step !== 'workflow').map(ownStep);
      if (own.length === 0) return [];
      try {
        const isTold = await within(QUESTION_LIMIT, () => tell(client, order, own.slice(0, MOST_STEPS)));
        return isTold ? [orderId] : [];
      } catch (error) {
        report({ orderId, problem: problemOf(error) });
        return [];
      }
    },
    { concurrency: 16 },
  );
  return told.flat();
}

const MOST_ORDERS = 100;
const MOST_STEPS = 10;

/** Running orders that are old enough to be stuck, and don't know of it or were told long ago. */
async function listDue(client: Client, { longerThan }: StuckLimits): Promise<Listed[]> {
  const query = `WorkflowType = 'placeOrder' AND ExecutionStatus = 'Running' AND ${olderThan(longerThan)}`;
  const due: Listed[] = [];
  for await (const listed of listWorkflows(client, query)) if (isDue(listed, longerThan)) due.push(listed);
  return due.sort((one, other) => Number(one.startedAt) - Number(other.startedAt)).slice(0, MOST_ORDERS);
}

function isDue({ startedAt, info }: Listed, longerThan: number): boolean {
  const needsAttention = info.searchAttributes?.indexedFields?.OrderNeedsAttention?.data;
  if (needsAttention && Buffer.from(needsAttention).toString() === 'false') return true;
  const age = Date.now() - startedAt.getTime();
  const unit = Math.max(longerThan, WATCH_INTERVAL);
  return doublings(age / unit) > doublings((age - WATCH_INTERVAL) / unit);
}

function doublings(times: number): number {
  return Math.floor(Math.log2(Math.max(times, 1)));
}

async function deliveriesOf(
  client: Client,
  orders: readonly Listed[],
  { longerThan }: StuckLimits,
): Promise<Listed[]> {
  const orderIds = new Set(orders.map(({ workflowId }) => orderOf(workflowId)));
  const query = `WorkflowType = 'deliverEvent' AND ${UNFINISHED} AND ${olderThan(longerThan)}`;
  const found: Listed[] = [];
  for await (const delivery of listWorkflows(client, query))
    if (orderIds.has(orderOf(delivery.workflowId))) found.push(delivery);
  return found;
}

function olderThan(milliseconds: number): string {
  return `StartTime < '${new Date(Date.now() - milliseconds).toISOString()}'`;
}

function ownStep(step: StuckStep): OwnStuckStep {
  const { attempts, lastError, since, nextAttemptAt } = step;
  return {
    ...{ step: ownNameOf(step), attempts, lastError: lastError.slice(0, 500), since },
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

/** Returns false where it has ended meanwhile. */
async function tell(client: Client, { workflowId, runId }: Listed, steps: OwnStuckStep[]): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId).signal(signals.stuckSteps, steps);
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return false;
  }
}
