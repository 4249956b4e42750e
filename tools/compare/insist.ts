import { WorkflowFailedError } from '@temporalio/client';
import pRetry from 'p-retry';
import { ConcordError } from '../../domain/errors.ts';

/**
 * Asks until there is an answer, be it a refusal, as a customer does: placing an order again joins the first.
 *
 * @param isOver Ends the asking, with the last error.
 */
export function insist<Answer>(ask: () => Promise<Answer>, isOver = () => false): Promise<Answer> {
  return pRetry(ask, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 200,
    maxTimeout: 1_000,
    shouldRetry: ({ error }) => !isOver() && !isAnswer(error),
  });
}

/** An error that more asking would not change. */
function isAnswer(error: unknown): boolean {
  if (error instanceof WorkflowFailedError) return true;
  return error instanceof ConcordError && error.kind !== 'unreachable';
}
