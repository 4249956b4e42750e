import { workflowInfo } from '@temporalio/workflow';
import { ConcordError } from '../domain/errors.ts';
import type { OrderOutcome } from '../domain/order.ts';
import type { ParticipantRequest } from '../domain/participant.ts';
import { type PlaceOrderInput, parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import { services } from '../domain/services.ts';
import type { Strategy } from '../domain/strategies.ts';
import { participantNames } from './contract/participants.ts';
import { placeByEvents } from './event-driven.ts';
import { placeByMessages } from './message-queue.ts';
import { asWorkflowFailure } from './order/failures.ts';
import { registerHandlers } from './order/handlers.ts';
import { pinned } from './order/pinned.ts';
import { Progress } from './order/progress.ts';
import { Replies } from './order/replies.ts';
import { placeInTwoPhases } from './two-phase.ts';

/**
 * Places one order in all services, or in none, by the strategy that was asked for. Whichever it is, this workflow is the
 * order: its id is the order's, whoever wants to know or to cancel asks it, and it ends when every service is done.
 *
 * @throws ApplicationFailure `InvalidInput`, before anything is written; `ProtocolViolation` where a participant
 *   refuses to settle, which takes an operator.
 */
export async function placeOrder(input: PlaceOrderInput): Promise<OrderOutcome> {
  const { order, prepareBudget, strategy } = validate(input);
  const { firstExecutionRunId: coordinatorId, startTime } = workflowInfo();
  const request = { order, coordinatorId, placedAt: startTime.toISOString(), strategy };
  const progress = new Progress(order, strategy);
  const replies = new Replies(request);
  registerHandlers(progress, replies);
  try {
    return await placeBy[strategy](request, prepareBudget, progress, replies);
  } catch (error) {
    progress.fail(error);
    throw error;
  }
}

pinned(placeOrder);

/** @param prepareBudget How long the services may take to say yes or no, in milliseconds. */
type Place = (
  request: ParticipantRequest,
  prepareBudget: number,
  progress: Progress,
  replies: Replies,
) => Promise<OrderOutcome>;

const placeBy: Readonly<Record<Strategy, Place>> = {
  'two-phase': placeInTwoPhases,
  'message-queue': placeByMessages,
  'event-driven': placeByEvents,
};

/** This workflow may have been started by anyone, so it trusts nothing that the client has checked. */
function validate(input: unknown): Required<PlaceOrderInput> {
  return asWorkflowFailure(() => {
    const valid = parsePlaceOrderInput(input);
    refuseToPassBy(valid.strategy);
    const workflowId = workflowIdOf(valid.order.orderId);
    if (workflowInfo().workflowId === workflowId) return valid;
    // Two workflows for one order id would be two coordinators.
    throw new ConcordError('InvalidInput', {
      problems: [{ field: 'workflowId', fix: `start this order as ${workflowId}` }],
    });
  });
}

/** Only `two-phase` asks every participant: by another strategy, an order would be confirmed without some. */
function refuseToPassBy(strategy: Strategy): void {
  const passedBy = participantNames().find((name) => !services.some((service) => service === name));
  if (strategy === 'two-phase' || passedBy === undefined) return;
  throw new ConcordError('InvalidInput', {
    problems: [{ field: 'strategy', fix: `use two-phase: no other one asks ${passedBy}, which takes part` }],
  });
}
