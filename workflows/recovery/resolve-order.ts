import { allHandlersFinished, condition, log, setHandler, workflowInfo } from '@temporalio/workflow';
import { allDone } from '../../domain/all-done.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import { parsePlaceOrderInput, workflowIdOf } from '../../domain/place-order.ts';
import { DEFAULT_PREPARE_BUDGET } from '../../domain/policies.ts';
import {
  parseResolveRequest,
  type RecordedStatuses,
  type ResolveRequest,
  resolutionIdOf,
  resolutionOf,
} from '../../domain/resolution.ts';
import type { Strategy } from '../../domain/strategies.ts';
import { orders, settling } from '../contract/activities.ts';
import { participants } from '../contract/participants.ts';
import { type BoundParticipant, bindParticipants, refusalOf } from '../order/bound-participants.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { cancelUpdate, decisionUpdate, statusQuery } from '../order/messages.ts';
import { bindOrderService } from '../order/order-service.ts';
import { pinned } from '../order/pinned.ts';

/**
 * Settles what is left of an order whose own workflow can't go on, through the participants' own operations.
 *
 * It runs beside the closed workflow, as `resolve/<id>`; where Temporal knows of none, it takes that workflow's place
 * and id, so that nobody can place the order meanwhile.
 *
 * @param placed The order, in the form that started its own workflow.
 * @throws ApplicationFailure `CannotResolve`, before anything is written.
 */
export async function resolveOrder(
  placed: { readonly order: Order; readonly strategy?: Strategy },
  request: ResolveRequest = {},
): Promise<OrderOutcome> {
  const { order, strategy, wanted } = validate(placed, request);
  let outcome: OrderOutcome | undefined;
  answerOutsiders(order, () => outcome);

  await refuseBesideCoordinator(order.orderId);
  const statuses = await inspectAll(order);
  const proposal = asWorkflowFailure(() => resolutionOf(order.orderId, wanted, statuses));

  const { orderService, bound } = bindAll(order, strategy);
  outcome = await orderService.decide(proposal);
  log.info('order resolved', { orderId: order.orderId, status: outcome.status, statuses });
  await tell(bound, outcome);
  await condition(allHandlersFinished);
  return outcome;
}

pinned(resolveOrder);

/** This workflow may have been started by anyone. */
function validate(
  placed: unknown,
  request: unknown,
): { order: Order; strategy: Strategy; wanted: ResolveRequest } {
  return asWorkflowFailure(() => {
    const { order, strategy } = parsePlaceOrderInput(placed);
    const { as, reason } = parseResolveRequest(request);
    const ids = [workflowIdOf(order.orderId), resolutionIdOf(order.orderId)];
    if (!ids.includes(workflowInfo().workflowId)) {
      throw new ConcordError('InvalidInput', {
        problems: [{ field: 'workflowId', fix: `start this as ${ids.join(' or ')}` }],
      });
    }
    const wanted = { ...(as === undefined ? {} : { as }), ...(reason === undefined ? {} : { reason }) };
    return { order, strategy, wanted };
  });
}

/**
 * An order's own workflow settles it by itself. (Where it is reset while a resolution runs, the order's record keeps both
 * from telling the services different things.)
 */
async function refuseBesideCoordinator(orderId: string): Promise<void> {
  if (workflowInfo().workflowId === workflowIdOf(orderId)) return;
  const { state } = await orders(settling)['orders.findCoordinator'](orderId);
  if (state === 'closed') return;
  const because = state === 'running' ? 'its own workflow runs' : 'its history is no longer kept; ask again';
  asWorkflowFailure(() => {
    throw new ConcordError('CannotResolve', { orderId, status: 'final', because });
  });
}

async function inspectAll(order: Order): Promise<RecordedStatuses> {
  const inspections = [
    ['orders', orders(settling)['orders.inspect'](order)] as const,
    ...Object.entries(participants).map(([name, of]) => [name, of(settling).inspect(order)] as const),
  ];
  return Object.fromEntries(
    await Promise.all(inspections.map(async ([name, status]) => [name, await status] as const)),
  );
}

function bindAll(order: Order, strategy: Strategy) {
  const { runId: coordinatorId, startTime } = workflowInfo();
  const request = { order, coordinatorId, takesOver: true, placedAt: startTime.toISOString(), strategy };
  return {
    orderService: bindOrderService(request, DEFAULT_PREPARE_BUDGET),
    bound: bindParticipants(request, DEFAULT_PREPARE_BUDGET),
  };
}

/** All are told, even where one refuses. */
function tell(participants: readonly BoundParticipant[], outcome: OrderOutcome): Promise<void> {
  return allDone(
    participants.map((participant) =>
      outcome.status === 'confirmed' ? participant.commit() : participant.rollback(refusalOf(outcome)),
    ),
  );
}

/** What `concord status`, `place` and `cancel` ask of an order's workflow. */
function answerOutsiders(order: Order, outcome: () => OrderOutcome | undefined): void {
  const { orderId } = order;
  setHandler(statusQuery, () => {
    const decision = outcome();
    if (decision === undefined) return { ...order, phase: 'preparing', participants: {} };
    const phase = decision.status === 'confirmed' ? 'committing' : 'rolling-back';
    return { ...order, phase, participants: {}, decision };
  });
  setHandler(decisionUpdate, async () => {
    await condition(() => outcome() !== undefined);
    return outcome() as OrderOutcome;
  });
  setHandler(cancelUpdate, unreachable, {
    validator: (_request) =>
      asWorkflowFailure(() => {
        throw new ConcordError('TooLate', { orderId, status: outcome()?.status ?? 'being resolved' });
      }),
  });
}

function unreachable(_request: unknown): never {
  throw new Error('every cancel is refused before');
}
