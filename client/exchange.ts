import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { orderOf } from '../domain/addresses.ts';
import { literal } from '../domain/markdown.ts';
import { type Listed, listWorkflows, ofOrder } from '../platform/visibility/listing.ts';
import { describeExecution, statusOf } from '../platform/visibility/reading.ts';
import { listWaiting } from '../platform/visibility/waiting.ts';
import type { Delivery } from '../workflows/exchange/deliver-event.ts';
import { tryNowSignal } from '../workflows/order/messages.ts';
import { firstInput } from './history.ts';

/** A delivery of an event that has ended without having been made. */
export interface StoppedDelivery {
  readonly workflowId: string;
  readonly runId: string;
  readonly orderId: string;
  /** As it ended, such as `terminated`. */
  readonly status: string;
  readonly stoppedAt: string;
}

const AT_ONCE = { concurrency: 16 };

/** Deliveries that were ended, of one order or of all: some have been started again since. */
export function listEndedDeliveries(client: Client, orderId?: string): AsyncGenerator<Listed, void, void> {
  const query = `WorkflowType = 'deliverEvent' AND ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')${ofOrder(orderId)}`;
  return listWorkflows(client, query);
}

/** None where it has been started again. */
export async function stoppedDelivery(
  client: Client,
  { workflowId, runId, startedAt, endedAt = startedAt }: Listed,
): Promise<StoppedDelivery[]> {
  const latest = await describeExecution(client, { workflowId });
  if (latest?.workflowExecutionInfo?.execution?.runId !== runId) return [];
  const stoppedAt = endedAt.toISOString();
  return [{ workflowId, runId, orderId: orderOf(workflowId), status: statusOf(latest), stoppedAt }];
}

/** Makes the deliveries of an order that were ended, after all. Returns what they deliver. */
export async function restartDeliveries(client: Client, orderId: string): Promise<string[]> {
  const ended = listEndedDeliveries(client, orderId);
  const stopped = await pMap(ended, (delivery) => stoppedDelivery(client, delivery), AT_ONCE);
  return pMap(stopped.flat(), async ({ workflowId }) => {
    const delivery = (await firstInput(client, workflowId)) as Delivery;
    const { taskQueue } = await client.workflow.getHandle(workflowId).describe();
    await client.workflow.start('deliverEvent', {
      ...{ workflowId, taskQueue, args: [delivery], memo: { event: delivery.event } },
      staticSummary: `Started again: ${literal(stepOf(workflowId))}`,
    });
    return stepOf(workflowId);
  });
}

/** Has everything that waits for this order in mailboxes and relays tried now. Returns what that is. */
export async function tryWaitingNow(client: Client, orderId: string): Promise<string[]> {
  const waiting = (await listWaiting(client)).filter((item) => item.orderId === orderId);
  return pMap(waiting, async ({ workflowId, type }) => {
    await client.workflow.getHandle(workflowId).signal(tryNowSignal, orderId);
    return `${workflowId} ${type}`;
  });
}

/** The activity that a delivery runs, such as `inventory.onOrderPlaced`. */
export function stepOf(deliveryId: string): string {
  const [, , type = '', subscriber = ''] = deliveryId.split('/');
  return `${subscriber}.on${type}`;
}
