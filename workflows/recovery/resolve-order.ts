import {
  allHandlersFinished,
  condition,
  log,
  proxyActivities,
  scheduleActivity,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { allDone } from '../../domain/all-done.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import { parsePlaceOrderInput, workflowIdOf } from '../../domain/place-order.ts';
import { DEFAULT_PREPARE_BUDGET } from '../../domain/policies.ts';
import {
  type Coordinator,
  parseResolveRequest,
  type ResolveRequest,
  resolutionIdOf,
  resolutionOf,
  type Standing,
  type Standings,
} from '../../domain/resolution.ts';
import { DEFAULT_STRATEGY, type Strategy } from '../../domain/strategies.ts';
import { Compensations } from '../order/compensations.ts';
import { asWorkflowFailure, recordedOutcome } from '../order/failures.ts';
import { cancelUpdate, decisionUpdate, statusQuery } from '../order/messages.ts';
import { bindOrderService } from '../order/order-service.ts';
import { participantNames } from '../order/participant-names.ts';
import { type BoundParticipant, bindParticipants, optionsOf } from '../order/participants.ts';
import { pinned } from '../order/pinned.ts';

type Coordinators = { 'orders.findCoordinator'(orderId: string): Promise<Coordinator> };

const coordinators = proxyActivities<Coordinators>({
  taskQueue: 'orders',
  ...optionsOf('settle', 'orders.findCoordinator'),
});

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

  const { decision } = await findCoordinator(order.orderId);
  const standings = await inspectAll(order);
  outcome = asWorkflowFailure(() => resolutionOf(order.orderId, wanted, standings, decision));
  log.info('order resolved', { orderId: order.orderId, status: outcome.status, standings });

  outcome = await settle(order, strategy, outcome);
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

/** Two coordinators at once could tear an order apart, so this one goes on only where it is the only one. */
async function findCoordinator(orderId: string): Promise<Coordinator> {
  if (workflowInfo().workflowId === workflowIdOf(orderId)) return { state: 'unknown' };
  const found = await coordinators['orders.findCoordinator'](orderId);
  if (found.state === 'closed') return found;
  const because =
    found.state === 'running' ? 'its own workflow runs' : 'its history is no longer kept; ask again';
  return asWorkflowFailure(() => {
    throw new ConcordError('CannotResolve', { orderId, status: 'final', because });
  });
}

async function inspectAll(order: Order): Promise<Standings> {
  const entries = participantNames.map(async (name) => {
    const options = { taskQueue: name, ...optionsOf('settle', `${name}.inspect`) };
    return [name, await scheduleActivity<Standing>(`${name}.inspect`, [order], options)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function settle(order: Order, strategy: Strategy, outcome: OrderOutcome): Promise<OrderOutcome> {
  const { runId: transaction, startTime } = workflowInfo();
  const own = { order, transaction, takesOver: true, placedAt: startTime.toISOString() };
  const request = strategy === DEFAULT_STRATEGY ? own : { ...own, strategy };
  const participants = bindParticipants(request, DEFAULT_PREPARE_BUDGET);
  // Nobody coordinates there, so an event that is under way may decide at this very moment: the order's document tells.
  const recorded = strategy === 'event-driven' ? await decideByRecord(request, outcome) : outcome;
  if (recorded.status !== 'confirmed') return rollBack(participants, recorded);
  await commit(participants);
  return recorded;
}

function decideByRecord(request: ParticipantRequest, outcome: OrderOutcome): Promise<OrderOutcome> {
  return bindOrderService(request, DEFAULT_PREPARE_BUDGET).decide(outcome);
}

async function commit(participants: readonly BoundParticipant[]): Promise<void> {
  // All are told, even where one refuses.
  await allDone(participants.map((participant) => participant.commit()));
}

async function rollBack(
  participants: readonly BoundParticipant[],
  { orderId, status, reason }: OrderOutcome,
): Promise<OrderOutcome> {
  if (status === 'confirmed' || reason === undefined) throw new Error('only a refused order is rolled back');
  const compensations = new Compensations();
  for (const participant of participants) {
    compensations.add(() => participant.rollback({ status, reason }));
  }
  return recordedOutcome(await compensations.run()) ?? { orderId, status, reason };
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
