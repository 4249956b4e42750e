import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { orderOf } from '../domain/addresses.ts';
import { literal } from '../domain/markdown.ts';
import { listWorkflows, ofOrder } from '../platform/visibility/listing.ts';
import { isUnreadable } from '../platform/visibility/reading.ts';
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

/** Deliveries that were ended, and not started again since: of one order, or of all. */
export async function listStoppedDeliveries(client: Client, orderId?: string): Promise<StoppedDelivery[]> {
  const query = `WorkflowType = 'deliverEvent' AND ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')${ofOrder(orderId)}`;
  const found = await pMap(
    listWorkflows(client, query),
    async ({ workflowId, runId, startedAt, endedAt = startedAt }) => {
      const latest = await client.workflow.getHandle(workflowId).describe().catch(undefinedWhereUnreadable);
      if (latest?.runId !== runId) return [];
      const status = latest.status.name.toLowerCase();
      return [{ workflowId, runId, orderId: orderOf(workflowId), status, stoppedAt: endedAt.toISOString() }];
    },
    AT_ONCE,
  );
  return found.flat();
}

/** Makes the deliveries of an order that were ended, after all. Returns what they deliver. */
export async function restartDeliveries(client: Client, orderId: string): Promise<string[]> {
  const stopped = await listStoppedDeliveries(client, orderId);
  return pMap(stopped, async ({ workflowId }) => {
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

/** Anyone can start a workflow under such an id, with a memo that nobody can read. */
function undefinedWhereUnreadable(error: unknown): undefined {
  if (!isUnreadable(error)) throw error;
}
