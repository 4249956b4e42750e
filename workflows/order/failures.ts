import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { isCancellation, log } from '@temporalio/workflow';
import { defined } from '../../domain/defined.ts';
import { ConcordError, type FailureDetails, isFailureCode } from '../../domain/errors.ts';
import { finalStatuses, type OrderOutcome, type Reason, reasonBy } from '../../domain/order.ts';

/** Returns why this participant's failed prepare makes the order fail, in the words of the failure table. */
export function reasonOf(error: unknown, participant: string): Reason {
  if (isCancellation(error)) return { code: 'Cancelled', message: 'the workflow was cancelled' };
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure && cause.nonRetryable && isFailureCode(cause.type)) {
    return { code: cause.type, message: cause.message, details: detailsOf(cause) };
  }
  const isTimeout = error.retryState === 'TIMEOUT' || cause instanceof TimeoutFailure;
  const code = isTimeout ? 'PrepareTimedOut' : 'ParticipantFailed';
  return reasonBy(new ConcordError(code, { participant, lastError: lastErrorOf(cause) }));
}

/** Returns how an order ends whose id is another one's on record. Throws if that was left undecided: it takes an operator. */
export function outcomeElsewhere(error: unknown, orderId: string): OrderOutcome | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  if (cause.type === 'LeftUndecided') throw error;
  if (cause.type === 'OrderIdTaken')
    return { orderId, status: 'rejected', reason: reasonOf(error, 'orders') };
  if (cause.type !== 'AlreadyDecided') return undefined;
  const recorded = detailsOf(cause) as Partial<FailureDetails['AlreadyDecided']>;
  const status = finalStatuses.find((final) => final === recorded.status);
  const reason = recorded.reason as Reason | undefined;
  return status && defined({ orderId, status, reason, joined: true as const });
}

/** Returns why an order fails if a participant has not answered within the prepare budget. */
export function noAnswer(participant: string): Reason {
  return reasonBy(new ConcordError('PrepareTimedOut', { participant, lastError: 'no answer came' }));
}

/** Runs a check of the domain inside a workflow, where only an `ApplicationFailure` means a refusal. */
export function asWorkflowFailure<Result>(check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    throw error instanceof ConcordError ? refusal(error) : error;
  }
}

/** Returns the failure by which a workflow refuses what it is asked. */
export function refusal({ code: type, message, details }: ConcordError): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true, details: [details] });
}

/** Returns what a signal brings. Logs the warning and returns undefined if it is malformed: nobody hears a refusal. */
export function validOrNothing<Valid>(parse: (input: unknown) => Valid, input: unknown, warning?: string) {
  try {
    return parse(input);
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    if (warning !== undefined) log.warn(warning, { reason: error.message });
    return undefined;
  }
}

/** Returns what an activity has failed of, in its own words. */
export function causeOf(error: unknown): string {
  return error instanceof ActivityFailure ? lastErrorOf(error.cause) : String(error);
}

function detailsOf({ details }: ApplicationFailure): Readonly<Record<string, unknown>> {
  const [first] = details ?? [];
  return typeof first === 'object' && first !== null ? { ...first } : {};
}

function lastErrorOf(cause: Error | undefined): string {
  const innermost = cause instanceof TimeoutFailure ? (cause.cause ?? cause) : cause;
  return innermost?.message ?? 'no attempt was made';
}
