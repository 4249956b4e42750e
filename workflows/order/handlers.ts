import { setHandler } from '@temporalio/workflow';
import { asWorkflowFailure } from './failures.ts';
import {
  cancelSignal,
  cancelUpdate,
  decisionUpdate,
  recordedSignal,
  replySignal,
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
  setHandler(cancelSignal, (input) => progress.hear(input));

  // From the other services, where they tell each other.
  setHandler(replySignal, (input) => replies.hear(input));
  setHandler(recordedSignal, (input) => replies.hearRecord(input));

  setHandler(stuckStepsSignal, (input) => progress.display.takeIn(input));
}
