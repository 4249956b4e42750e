import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { literal } from '../domain/markdown.ts';
import { listWorkflows, ofOrder } from '../platform/visibility/executions.ts';
import { deliveryStepOf, ownNameOf, STOPPED, stoppedSteps } from '../platform/visibility/stuck-steps.ts';
import { listWaiting } from '../platform/visibility/waiting.ts';
import type { Delivery } from '../workflows/exchange/deliver-event.ts';
import { tryNowSignal } from '../workflows/order/messages.ts';
import { firstInput } from './history.ts';

const AT_ONCE = { concurrency: 16 };

/** Makes the deliveries of an order that were ended, after all. Returns what they deliver. */
export async function restartDeliveries(client: Client, orderId: string): Promise<string[]> {
  const ended = listWorkflows(client, `WorkflowType = 'deliverEvent' AND ${STOPPED}${ofOrder(orderId)}`);
  const stopped = await pMap(ended, (delivery) => stoppedSteps(client, delivery), AT_ONCE);
  return pMap(stopped.flat(), async ({ workflowId }) => {
    const delivery = (await firstInput(client, workflowId)) as Delivery;
    const { taskQueue } = await client.workflow.getHandle(workflowId).describe();
    await client.workflow.start('deliverEvent', {
      ...{ workflowId, taskQueue, args: [delivery], memo: { event: delivery.event } },
      staticSummary: `Started again: ${literal(deliveryStepOf(workflowId))}`,
    });
    return deliveryStepOf(workflowId);
  });
}

/** Has everything that waits for this order in mailboxes and relays tried now. Returns what that is. */
export async function tryWaitingNow(client: Client, orderId: string): Promise<string[]> {
  const waiting = (await listWaiting(client)).filter((item) => item.orderId === orderId);
  return pMap(waiting, async ({ workflowId, type: step }) => {
    await client.workflow.getHandle(workflowId).signal(tryNowSignal, orderId);
    return ownNameOf({ workflowId, step });
  });
}
