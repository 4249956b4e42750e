import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { mailboxIdOf, relayIdOf } from '../domain/addresses.ts';
import type { Order } from '../domain/order.ts';
import { services } from '../domain/services.ts';
import type { Strategy } from '../domain/strategies.ts';
import { ofOrder } from '../platform/visibility/listing.ts';
import { type RetryingStep, retryingSteps } from '../platform/visibility/retrying-steps.ts';
import { waitingIn } from '../platform/visibility/waiting.ts';
import { listDeliveries, viewOfDelivery } from './deliveries.ts';
import { stepOf } from './exchange.ts';

/** What is tried again of an order outside its own workflow: messages that wait, and deliveries of its events. */
export async function retryingElsewhere(
  client: Client,
  order: Order,
  strategy: Strategy,
): Promise<RetryingStep[]> {
  if (strategy === 'two-phase') return [];
  if (strategy === 'message-queue') return failingIn(client, mailboxIdOf(order), order);
  const relays = services.map(relayIdOf);
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
