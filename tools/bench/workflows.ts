import { condition, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../activities/orders/activities.ts';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import { decisionUpdate } from '../../workflows/order/messages.ts';
import type { FloorActivities } from '../measure/measured-worker.ts';

// The order service's workflows, and what they are measured against. Neither is an example to follow.
export * from '../../workflows/orders.ts';

const time = { startToCloseTimeout: '10s' } as const;
const orders = proxyActivities<OrderActivities & FloorActivities>({ taskQueue: 'orders', ...time });
const inventory = proxyActivities<InventoryActivities & FloorActivities>({ taskQueue: 'inventory', ...time });

/** The floor: a two-phase commit's activities with nothing in them, on the same task queues. It costs what the engine takes. */
export async function floor(order: Order): Promise<OrderOutcome> {
  const request = requestOf(order);
  const decide = answeringWhoAsks();
  const tellOrders = () => orders['orders.nothing'](request);
  const tellInventory = () => inventory['inventory.nothing'](request);
  await Promise.all([tellOrders(), tellInventory()]);
  await tellOrders();
  const outcome = decide({ orderId: order.orderId, status: 'confirmed' });
  await tellInventory();
  return outcome;
}

/** The same writes as Concord's, and nothing else: nobody can cancel it or see it, and nothing is undone. */
export async function plain(order: Order): Promise<OrderOutcome> {
  const request = requestOf(order);
  const decide = answeringWhoAsks();
  await Promise.all([orders['orders.prepare'](request), inventory['inventory.prepare'](request)]);
  const outcome = decide(await orders['orders.decide']({ ...request, status: 'confirmed' }));
  await inventory['inventory.commit'](request);
  return outcome;
}

/** As Temporal's `saga` sample has it. It would lose a hold if a step that timed out was applied; none here is. */
export async function sequentialSaga(order: Order): Promise<OrderOutcome> {
  const { orderId } = order;
  const request = requestOf(order);
  const decide = answeringWhoAsks();
  const compensations: (() => Promise<unknown>)[] = [];
  const reason = { code: 'Failed', message: 'a step failed' };
  const refused = { ...request, status: 'rejected', reason } as const;
  try {
    await orders['orders.prepare'](request);
    compensations.unshift(() => orders['orders.decide'](refused));
    await inventory['inventory.prepare'](request);
    compensations.unshift(() => inventory['inventory.rollback'](refused));
    const outcome = decide({ orderId, status: 'confirmed' });
    await inventory['inventory.commit'](request);
    await orders['orders.decide']({ ...request, status: 'confirmed' });
    return outcome;
  } catch {
    for (const compensate of compensations) await compensate();
    return { orderId, status: 'rejected', reason };
  }
}

/** Answers who asks for the decision, as Concord's workflow does. @returns Takes the decision. */
function answeringWhoAsks() {
  let decision: OrderOutcome | undefined;
  setHandler(decisionUpdate, async () => {
    await condition(() => decision !== undefined);
    return decision as OrderOutcome;
  });
  return (outcome: OrderOutcome): OrderOutcome => {
    decision = outcome;
    return outcome;
  };
}

function requestOf(order: Order): ParticipantRequest {
  const { firstExecutionRunId: coordinatorId, startTime } = workflowInfo();
  return { order, coordinatorId, placedAt: startTime.toISOString(), strategy: 'two-phase' };
}
