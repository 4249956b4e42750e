import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { ConcordError, type FailureCode, type FailureDetails, isFailureCode } from '../../domain/errors.ts';
import { finalStatuses, type OrderOutcome, type Reason } from '../../domain/order.ts';

/** Why this participant's failed prepare makes the order fail, in the words of the failure table. */
export function reasonOf(error: unknown, participant: string): Reason {
  if (isCancellation(error)) return { code: 'Cancelled', message: 'the workflow was cancelled' };
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure && cause.nonRetryable && isFailureCode(cause.type)) {
    return { code: cause.type, message: cause.message, details: detailsOf(cause) };
  }
  if (error.retryState === 'TIMEOUT' || cause instanceof TimeoutFailure) {
    return reason('PrepareTimedOut', { participant, lastError: lastErrorOf(cause) });
  }
  return reason('ParticipantFailed', { participant, lastError: lastErrorOf(cause) });
}

/**
 * How an order ends whose id the order service has on record for another one, so that nothing of it was begun anywhere.
 *
 * @throws The error itself where the other one was left undecided: that takes an operator.
 */
export function outcomeElsewhere(error: unknown, orderId: string): OrderOutcome | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  if (cause.type === 'LeftUndecided') throw error;
  if (cause.type === 'OrderIdTaken')
    return { orderId, status: 'rejected', reason: reasonOf(error, 'orders') };
  return alreadyDecided(error);
}

/** Why an order fails whose participant has not answered within the prepare budget. */
export function noAnswer(participant: string): Reason {
  return reason('PrepareTimedOut', { participant, lastError: 'no answer came' });
}

/** Runs a check of the domain inside a workflow, where only an `ApplicationFailure` means a refusal. */
export function asWorkflowFailure<Result>(check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    throw ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: true,
      details: [error.details],
    });
  }
}

/** What a signal brings, where it is well formed: anyone may send one, and there is nobody to refuse it to. */
export function validOrNothing<Valid>(
  parseInput: (input: unknown) => Valid,
  input: unknown,
): Valid | undefined {
  try {
    return parseInput(input);
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    return undefined;
  }
}

function alreadyDecided(failure: unknown): OrderOutcome | undefined {
  const cause = failure instanceof ActivityFailure ? failure.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== 'AlreadyDecided') return undefined;
  return outcomeIn(detailsOf(cause) as FailureDetails['AlreadyDecided']);
}

function outcomeIn({ orderId, status, reason }: { orderId: string; status?: string; reason?: unknown }) {
  const recorded = finalStatuses.find((final) => final === status);
  if (recorded === undefined) return undefined;
  return { orderId, status: recorded, ...(reason === undefined ? {} : { reason: reason as Reason }) };
}

function reason<Code extends FailureCode>(code: Code, details: FailureDetails[Code]): Reason {
  const { message } = new ConcordError(code, details);
  return { code, message, details: { ...details } };
}

function detailsOf({ details }: ApplicationFailure): Readonly<Record<string, unknown>> {
  const [first] = details ?? [];
  return typeof first === 'object' && first !== null ? { ...first } : {};
}

/** What an activity has failed of, in its own words. */
export function causeOf(error: unknown): string {
  return error instanceof ActivityFailure ? lastErrorOf(error.cause) : String(error);
}

function lastErrorOf(cause: Error | undefined): string {
  const innermost = cause instanceof TimeoutFailure ? (cause.cause ?? cause) : cause;
  return innermost?.message ?? 'no attempt was made';
}
