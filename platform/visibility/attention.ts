import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import pMap from 'p-map';
import { orderOf, signals } from '../../domain/addresses.ts';
import { QUESTION_LIMIT, WATCH_INTERVAL } from '../../domain/policies.ts';
import { problemOf, type Skipped } from '../../domain/sweeps.ts';
import type { StuckLimits, Trouble } from '../../domain/trouble.ts';
import { within } from '../time-limit.ts';
import { type Execution, type Listed, listExecutions, listedOf, listWorkflows } from './listing.ts';
import { retryingSteps } from './retrying-steps.ts';
import { type StuckStep, stuckStepsOf, stuckWaiting, unansweredStepOf } from './stuck-steps.ts';

/**
 * Tells orders that don't get on what is wrong with them, so that they show it: once when it is found, and again each
 * time when they are twice as old, so that an order that waits for weeks doesn't fill its history. One that can't be looked
 * at, or told, keeps none of the others.
 *
 * @param report Told of each that was left alone.
 * @returns The ids of the orders that were told: at most 100, the oldest.
 */
export async function tellTroubled(
  client: Client,
  limits: StuckLimits,
  report: (skipped: Skipped) => void = () => {},
): Promise<string[]> {
  const orders = await listDue(client, limits);
  if (orders.length === 0) return [];
  const alone: Alone = async ({ workflowId }, work) => {
    try {
      return await within(QUESTION_LIMIT, work);
    } catch (error) {
      report({ orderId: orderOf(workflowId), problem: problemOf(error) });
      return undefined;
    }
  };
  const steps = await stepsOf(client, orders, limits, alone);
  const told = await pMap(
    orders,
    (order) =>
      alone(order, async () => {
        const own = steps.filter(({ orderId }) => orderId === orderOf(order.workflowId));
        // Nobody runs the workflow itself, so it could not hear either.
        const troubles = own.filter(({ step }) => step !== 'workflow').map(troubleOf);
        return troubles.length > 0 && (await tell(client, order, troubles.slice(0, MOST_TROUBLES)));
      }),
    AT_ONCE,
  );
  return orders.filter((_, index) => told[index]).map(({ workflowId }) => orderOf(workflowId));
}

/** Does what is to be done about one workflow; nothing comes of it where that fails. */
type Alone = <Result>(
  workflow: { readonly workflowId: string },
  work: () => Promise<Result>,
) => Promise<Result | undefined>;

const AT_ONCE = { concurrency: 16 };
const MOST_ORDERS = 100;
const MOST_TROUBLES = 10;

/** Running orders that are old enough to be in trouble, and don't know of it or were told long ago. */
async function listDue(client: Client, { longerThan }: StuckLimits): Promise<Listed[]> {
  const due: Listed[] = [];
  for await (const execution of listExecutions(client, running('placeOrder', longerThan))) {
    const listed = listedOf(execution);
    if (listed !== undefined && isDue(execution, listed, longerThan)) due.push(listed);
  }
  return due.sort((one, other) => Number(one.startedAt) - Number(other.startedAt)).slice(0, MOST_ORDERS);
}

function running(type: string, longerThan: number): string {
  const startedBefore = new Date(Date.now() - longerThan).toISOString();
  return `WorkflowType = '${type}' AND ExecutionStatus = 'Running' AND StartTime < '${startedBefore}'`;
}

function isDue({ searchAttributes }: Execution, { startedAt }: Listed, longerThan: number): boolean {
  const needsAttention = searchAttributes?.indexedFields?.OrderNeedsAttention?.data;
  if (needsAttention && Buffer.from(needsAttention).toString() === 'false') return true;
  const age = Date.now() - startedAt.getTime();
  const unit = Math.max(longerThan, WATCH_INTERVAL);
  return doublings(age / unit) > doublings((age - WATCH_INTERVAL) / unit);
}

function doublings(times: number): number {
  return Math.floor(Math.log2(Math.max(times, 1)));
}

async function stepsOf(
  client: Client,
  orders: readonly Listed[],
  limits: StuckLimits,
  alone: Alone,
): Promise<StuckStep[]> {
  const orderIds = new Set(orders.map(({ workflowId }) => orderOf(workflowId)));
  const deliveries: Listed[] = [];
  for await (const delivery of listWorkflows(client, running('deliverEvent', limits.longerThan))) {
    if (orderIds.has(orderOf(delivery.workflowId))) deliveries.push(delivery);
  }
  const [activities, waiting] = await Promise.all([
    stepsOfEach([...orders, ...deliveries], (listed) => stuckStepsOf(client, listed, limits)),
    stuckWaiting(client, limits).then((steps) => withBatches(client, steps, alone)),
  ]);
  const explained = [...activities, ...waiting];
  const explainedIds = new Set(explained.map(({ orderId }) => orderId));
  const silent = await stepsOfEach(
    orders.filter(({ workflowId }) => !explainedIds.has(orderOf(workflowId))),
    (order) => unansweredStepOf(client, order),
  );
  return [...explained, ...silent];

  async function stepsOfEach(
    workflows: readonly Listed[],
    look: (workflow: Listed) => Promise<StuckStep[]>,
  ): Promise<StuckStep[]> {
    const found = await pMap(workflows, (workflow) => alone(workflow, () => look(workflow)), AT_ONCE);
    return found.flatMap((steps) => steps ?? []);
  }
}

/** What waits in a batch that fails as a whole has not failed by itself: the batch says how often, and why. */
async function withBatches(client: Client, steps: readonly StuckStep[], alone: Alone): Promise<StuckStep[]> {
  const workflowIds = [...new Set(steps.map(({ workflowId }) => workflowId))];
  const batches = new Map(
    await pMap(workflowIds, async (workflowId) => {
      const retrying = await alone({ workflowId }, async () =>
        retryingSteps(client, await client.workflow.getHandle(workflowId).describe()),
      );
      return [workflowId, retrying?.[0]] as const;
    }),
  );
  return steps.map((step) => {
    const batch = step.attempts === 0 ? batches.get(step.workflowId) : undefined;
    if (batch === undefined) return step;
    const { attempt, lastError, nextAttemptAt } = batch;
    const next = nextAttemptAt === undefined ? {} : { nextAttemptAt };
    return { ...step, attempts: attempt - 1, lastError, ...next };
  });
}

function troubleOf({ workflowId, step, attempts, lastError, since, nextAttemptAt }: StuckStep): Trouble {
  const isKept = /^(mailbox|relay)\//.test(workflowId);
  return {
    ...{ step: isKept ? `${workflowId} ${step}` : step, attempts, lastError: lastError.slice(0, 500), since },
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  };
}

/** Returns false where it has ended meanwhile. */
async function tell(client: Client, { workflowId, runId }: Listed, troubles: Trouble[]): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId).signal(signals.trouble, troubles);
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return false;
  }
}
