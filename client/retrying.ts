import type { Client, WorkflowHandle } from '@temporalio/client';
import pMap from 'p-map';
import { mailboxIdOf, publishers, relayIdOf } from '../domain/addresses.ts';
import type { Order } from '../domain/order.ts';
import type { Strategy } from '../domain/strategies.ts';
import { listDeliveries, viewOfDelivery } from './deliveries.ts';
import { stepOf, waitingIn } from './exchange.ts';
import { messageOf } from './history.ts';
import { ofOrder } from './listing.ts';

/** A step of an order that has failed at least once and is tried again. */
export interface RetryingStep {
  /** The activity, such as `inventory.prepare`; or where a message waits, such as `mailbox/1 SellStock`. */
  readonly step: string;
  /** The attempt that runs or comes next, from 2. */
  readonly attempt: number;
  readonly lastError: string;
  /** ISO 8601. */
  readonly nextAttemptAt?: string;
}

type Description = Awaited<ReturnType<WorkflowHandle['describe']>>;

/** Those of a workflow's activities that are tried again. */
export function retryingSteps(client: Client, { raw }: Pick<Description, 'raw'>): Promise<RetryingStep[]> {
  const failed = (raw.pendingActivities ?? []).filter(
    ({ lastFailure }) => lastFailure !== undefined && lastFailure !== null,
  );
  return pMap(failed, async ({ activityType, attempt, lastFailure, nextAttemptScheduleTime }) => ({
    step: activityType?.name ?? 'unknown',
    attempt: attempt ?? 1,
    lastError: await messageOf(client, lastFailure),
    ...(nextAttemptScheduleTime?.seconds
      ? { nextAttemptAt: new Date(Number(nextAttemptScheduleTime.seconds) * 1000).toISOString() }
      : {}),
  }));
}

/** What is tried again of an order outside its own workflow: messages that wait, and deliveries of its events. */
export async function retryingElsewhere(
  client: Client,
  order: Order,
  strategy: Strategy,
): Promise<RetryingStep[]> {
  if (strategy === 'two-phase') return [];
  if (strategy === 'message-queue') return failingIn(client, mailboxIdOf(order), order);
  const relays = publishers.map(relayIdOf);
  const [deliveries, ...waiting] = await Promise.all([
    failingDeliveries(client, order),
    ...relays.map((workflowId) => failingIn(client, workflowId, order)),
  ]);
  return [...deliveries, ...waiting.flat()];
}

async function failingDeliveries(client: Client, { orderId }: Order): Promise<RetryingStep[]> {
  const condition = ` AND ExecutionStatus = 'Running'${ofOrder(orderId)}`;
  const found = await pMap(listDeliveries(client, condition), async (delivery) => {
    const { attempt, lastError, nextAttemptAt } = await viewOfDelivery(client, delivery);
    if (attempt === undefined || lastError === undefined) return [];
    const step = stepOf(delivery.workflowId);
    return [{ step, attempt, lastError, ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }) }];
  });
  return found.flat();
}

/** What has failed in a mailbox or a relay that an order waits for: on its own, or a batch that keeps the others waiting. */
async function failingIn(client: Client, workflowId: string, { orderId }: Order): Promise<RetryingStep[]> {
  const handle = client.workflow.getHandle(workflowId);
  const [waiting, batch] = await Promise.all([
    waitingIn(client, workflowId),
    handle
      .describe()
      .then((description) => retryingSteps(client, description))
      .catch(() => []),
  ]);
  const own = waiting.filter((item) => item.orderId === orderId && item.failures > 0);
  return [
    ...batch.map((retrying) => ({ ...retrying, step: `${workflowId} ${retrying.step}` })),
    ...own.map(({ type, failures, lastError, nextAttemptAt }) => ({
      ...{ step: `${workflowId} ${type}`, attempt: failures + 1, lastError },
      ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
    })),
  ];
}
