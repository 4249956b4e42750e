import { condition, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import type { DecideRequest, ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { decisionUpdate } from '../../workflows/order/messages.ts';

// The order service's workflows, and what they are measured against. Neither is an example to follow.
export * from '../../workflows/orders.ts';

type Orders = Record<'orders.prepare' | 'orders.nothing', (request: ParticipantRequest) => Promise<void>> &
  Record<'orders.decide', (request: DecideRequest) => Promise<OrderOutcome>>;
type Inventory = Record<
  `inventory.${'prepare' | 'commit' | 'nothing'}`,
  (request: ParticipantRequest) => Promise<void>
> &
  Record<'inventory.rollback', (request: RollbackRequest) => Promise<void>>;

const orders = proxyActivities<Orders>({ taskQueue: 'orders', startToCloseTimeout: '10s' });
const inventory = proxyActivities<Inventory>({
  taskQueue: 'inventory',
  startToCloseTimeout: '10s',
});

/**
 * The floor: the shape of a two-phase commit, and nothing in it. Two activities at once, then two at once, on the same task
 * queues; what is left is what the engine takes.
 */
export async function floor(order: Order): Promise<OrderOutcome> {
  const request = requestOf(order);
  const decision = new Decision();
  const both = () =>
    Promise.all([orders['orders.nothing'](request), inventory['inventory.nothing'](request)]);
  await both();
  const outcome = decision.take({ orderId: order.orderId, status: 'confirmed' });
  await both();
  return outcome;
}

/**
 * What a user would write otherwise: a saga in the style of Temporal's public samples, one step after the other, with the
 * same four steps and the same writes, each compensation registered after its step. It loses a hold where a step that
 * timed out was applied; no run here has such a step.
 *
 * Source of the style: the `saga` sample of Temporal's TypeScript samples.
 */
export async function sequentialSaga(order: Order): Promise<OrderOutcome> {
  const { orderId } = order;
  const request = requestOf(order);
  const decision = new Decision();
  const compensations: (() => Promise<unknown>)[] = [];
  const reason = { code: 'Failed', message: 'a step failed' };
  const refused = { ...request, status: 'rejected', reason } as const;
  try {
    await orders['orders.prepare'](request);
    compensations.unshift(() => orders['orders.decide'](refused));
    await inventory['inventory.prepare'](request);
    compensations.unshift(() => inventory['inventory.rollback'](refused));
    const outcome = decision.take({ orderId, status: 'confirmed' });
    await inventory['inventory.commit'](request);
    await orders['orders.decide']({ ...request, status: 'confirmed' });
    return outcome;
  } catch {
    for (const compensate of compensations) await compensate();
    return { orderId, status: 'rejected', reason };
  }
}

/** Tells it to who asks, as Concord's workflow does, so that both are asked alike. */
class Decision {
  private outcome: OrderOutcome | undefined;

  constructor() {
    setHandler(decisionUpdate, async () => {
      await condition(() => this.outcome !== undefined);
      return this.outcome as OrderOutcome;
    });
  }

  take(outcome: OrderOutcome): OrderOutcome {
    this.outcome = outcome;
    return outcome;
  }
}

function requestOf(order: Order): ParticipantRequest {
  const { firstExecutionRunId: coordinatorId, startTime } = workflowInfo();
  return { order, coordinatorId, placedAt: startTime.toISOString(), strategy: 'two-phase' };
}
