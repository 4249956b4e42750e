import { workflowInfo } from '@temporalio/workflow';
import type { OrderOutcome } from '../domain/order.ts';
import { type PlaceOrderInput, parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import { services } from '../domain/services.ts';
import type { Strategy } from '../domain/strategies.ts';
import { invalidInput } from '../domain/validation.ts';
import { participantNames } from './contract/participants.ts';
import { placeByEvents } from './event-driven.ts';
import { placeByMessages } from './message-queue.ts';
import { asWorkflowFailure } from './order/failures.ts';
import { registerHandlers } from './order/handlers.ts';
import { bindOrderService, type Placement } from './order/order-service.ts';
import { pinned } from './order/pinned.ts';
import { Progress } from './order/progress.ts';
import { Replies } from './order/replies.ts';
import { placeInTwoPhases } from './two-phase.ts';

/**
 * Places one order in all services, or in none, by the strategy that was asked for. Whichever it is, this workflow is
 * the order: its id is the order's, whoever wants to know or to cancel asks it, and it ends when every service is done.
 * @throws ApplicationFailure `InvalidInput`, before anything is written; `ProtocolViolation` if a participant refuses
 *   to settle, which takes an operator.
 */
export async function placeOrder(input: PlaceOrderInput): Promise<OrderOutcome> {
  const { order, prepareBudget, strategy } = asWorkflowFailure(() => validate(input));
  const { firstExecutionRunId: coordinatorId, startTime } = workflowInfo();
  const request = { order, coordinatorId, placedAt: startTime.toISOString(), strategy };
  const progress = new Progress(order, strategy);
  const replies = new Replies(request);
  registerHandlers(progress, replies);
  const orders = bindOrderService(request, prepareBudget);
  try {
    return await placeBy[strategy]({ request, prepareBudget, orders, progress, replies });
  } catch (error) {
    progress.display.failed(error);
    throw error;
  }
}

pinned(placeOrder);

const placeBy: Readonly<Record<Strategy, (placement: Placement) => Promise<OrderOutcome>>> = {
  'two-phase': placeInTwoPhases,
  'message-queue': placeByMessages,
  'event-driven': placeByEvents,
};

/** Anyone may have started this workflow, so it doesn't rely on the client's checks. */
function validate(input: unknown): Required<PlaceOrderInput> {
  const valid = parsePlaceOrderInput(input);
  const passedBy = participantNames().find((name) => !services.some((service) => service === name));
  if (valid.strategy !== 'two-phase' && passedBy !== undefined) {
    throw invalidInput('strategy', `use two-phase: no other one asks ${passedBy}, which takes part`);
  }
  // Two workflows for one order id would be two coordinators.
  const workflowId = workflowIdOf(valid.order.orderId);
  if (workflowInfo().workflowId === workflowId) return valid;
  throw invalidInput('workflowId', `start this order as ${workflowId}`);
}
