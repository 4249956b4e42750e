import { setHandler } from '@temporalio/workflow';
import { parseCancelRequest } from '../../domain/place-order.ts';
import { asWorkflowFailure, validOrNothing } from './failures.ts';
import {
  cancelSignal,
  cancelUpdate,
  decisionUpdate,
  recordedSignal,
  replySignal,
  sayAgainSignal,
  statusQuery,
  stuckStepsSignal,
} from './messages.ts';
import type { Progress } from './progress.ts';
import type { Replies } from './replies.ts';

/** Everything that an order's workflow answers to. Anyone may ask or tell it, so nothing that comes is trusted. */
export function registerHandlers(progress: Progress, replies: Replies): void {
  setHandler(statusQuery, () => progress.snapshot());
  setHandler(decisionUpdate, () => progress.decided(), {
    validator: (asked) => asWorkflowFailure(() => progress.refuseOtherContent(asked)),
  });

  setHandler(cancelUpdate, (request) => progress.cancel(request), {
    validator: (request) => asWorkflowFailure(() => progress.refuseLateCancel(request)),
  });
  setHandler(cancelSignal, (input) => {
    const request = validOrNothing(parseCancelRequest, input);
    if (request !== undefined) progress.hear(request);
  });

  // From the other services, where they tell each other.
  setHandler(replySignal, (input) => replies.hear(input));
  setHandler(recordedSignal, (input) => replies.hearRecord(input));
  setHandler(sayAgainSignal, () => replies.askAgain());

  setHandler(stuckStepsSignal, (input) => progress.display.takeIn(input));
}
