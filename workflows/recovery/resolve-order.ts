import { allHandlersFinished, condition, log, setHandler, workflowInfo } from '@temporalio/workflow';
import { allDone } from '../../domain/all-done.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import { type PlaceOrderInput, parsePlaceOrderInput, workflowIdOf } from '../../domain/place-order.ts';
import { DEFAULT_PREPARE_BUDGET } from '../../domain/policies.ts';
import type { RecordedStatuses, ResolveRequest } from '../../domain/resolution.ts';
import { parseResolveRequest, resolutionIdOf, resolutionOf } from '../../domain/resolution.ts';
import { invalidInput } from '../../domain/validation.ts';
import { orders, settling } from '../contract/activities.ts';
import { bindParticipants, participants, refusalOf } from '../contract/participants.ts';
import { asWorkflowFailure, refusal } from '../order/failures.ts';
import { cancelUpdate, decisionUpdate, statusQuery } from '../order/messages.ts';
import { bindOrderService } from '../order/order-service.ts';
import { pinned } from '../order/pinned.ts';

/**
 * Settles what is left of an order whose own workflow can't go on, through the participants' own operations. It runs
 * beside the closed workflow, as `resolve/<id>`. If Temporal knows of none, it takes that workflow's place and id, so
 * that nobody can place the order meanwhile. @throws ApplicationFailure `CannotResolve`, before anything is written.
 */
export async function resolveOrder(
  placed: Pick<PlaceOrderInput, 'order' | 'strategy'>,
  resolveRequest: ResolveRequest = {},
): Promise<OrderOutcome> {
  const { order, strategy } = asWorkflowFailure(() => validate(placed));
  const wanted = asWorkflowFailure(() => parseResolveRequest(resolveRequest));
  let outcome: OrderOutcome | undefined;
  answerOutsiders(order, () => outcome);

  await refuseBesideCoordinator(order.orderId);
  const statuses = await inspectAll(order);
  const proposal = asWorkflowFailure(() => resolutionOf(order.orderId, wanted, statuses));

  const { runId: coordinatorId, startTime } = workflowInfo();
  const request = { order, coordinatorId, takesOver: true, placedAt: startTime.toISOString(), strategy };
  const decision = await bindOrderService(request, DEFAULT_PREPARE_BUDGET).decide(proposal);
  outcome = decision;
  log.info('order resolved', { orderId: order.orderId, status: decision.status, statuses });
  await allDone(
    bindParticipants(request, DEFAULT_PREPARE_BUDGET).map(({ commit, rollback }) =>
      decision.status === 'confirmed' ? commit() : rollback(refusalOf(decision)),
    ),
  );
  await condition(allHandlersFinished);
  return decision;
}

pinned(resolveOrder);

/** Anyone may have started this workflow. */
function validate(placed: unknown): Required<PlaceOrderInput> {
  const valid = parsePlaceOrderInput(placed);
  const { orderId } = valid.order;
  const ids = [workflowIdOf(orderId), resolutionIdOf(orderId)];
  if (ids.includes(workflowInfo().workflowId)) return valid;
  throw invalidInput('workflowId', `start this as ${ids.join(' or ')}`);
}

/** An order's own workflow settles it. (If that is reset during a resolution, both tell only what is on record.) */
async function refuseBesideCoordinator(orderId: string): Promise<void> {
  if (workflowInfo().workflowId === workflowIdOf(orderId)) return;
  const { state } = await orders(settling)['orders.findCoordinator'](orderId);
  if (state === 'closed') return;
  const because = state === 'running' ? 'its own workflow runs' : 'its history is no longer kept; ask again';
  throw refusal(new ConcordError('CannotResolve', { orderId, status: 'final', because }));
}

async function inspectAll(order: Order): Promise<RecordedStatuses> {
  const others = Object.entries(participants).map(([name, of]) => [name, of(settling).inspect] as const);
  const all = [['orders', orders(settling)['orders.inspect']] as const, ...others];
  const inspected = all.map(async ([name, inspect]) => [name, await inspect(order)] as const);
  return Object.fromEntries(await Promise.all(inspected));
}

/** Answers what `concord status`, `place` and `cancel` ask of an order's workflow. */
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
  const refuseCancel = (_request: unknown): never => {
    throw refusal(new ConcordError('TooLate', { orderId, status: outcome()?.status ?? 'being resolved' }));
  };
  setHandler(cancelUpdate, refuseCancel, { validator: refuseCancel });
}
