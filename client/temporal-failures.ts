import { status } from '@grpc/grpc-js';
import {
  ServiceError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  NamespaceNotFoundError,
  TimeoutFailure,
} from '@temporalio/common';
import { ConcordError, type FailureDetails, isFailureCode } from '../domain/errors.ts';
import { grpcErrorIn } from '../platform/connection/grpc-error.ts';

interface Context {
  /** Which order the call is about. */
  readonly orderId?: string;
  /** Which service's worker was to answer. */
  readonly service?: string;
  /** What to do where the server did not answer, or refused to at some point, and the outcome is unknown. */
  readonly unreachableFix?: string;
}

/** Runs a call and turns whatever Temporal throws into the typed failure that a user can act on. */
export async function translated<Result>(
  address: string,
  call: () => Promise<Result>,
  context: Context = {},
): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw translate(error, address, context);
  }
}

function translate(error: unknown, address: string, context: Context): unknown {
  if (error instanceof ConcordError) return error;
  const refusal = refusalIn(error);
  if (refusal !== undefined) return refusal;
  const overload = overloadIn(error, address, context);
  if (overload !== undefined) return overload;
  if (isUnreachable(error)) {
    const fix = context.unreachableFix ?? 'start it there, or connect to another';
    return new ConcordError('Unreachable', { server: 'Temporal', address, fix }, { cause: error });
  }
  if (isBrokenCode(error)) {
    const fix = 'the order’s workflow code fails: see `concord stuck`';
    return new ConcordError('NoAnswer', { service: 'orders', fix }, { cause: error });
  }
  const misdirected = misdirection(error, address);
  if (misdirected !== undefined) return misdirected;
  if (error instanceof WorkflowFailedError && context.service !== undefined) {
    return new ConcordError(
      'NoAnswer',
      { service: context.service, fix: noAnswerFix(error) },
      { cause: error },
    );
  }
  if (error instanceof WorkflowFailedError && context.orderId !== undefined) {
    const lastError = innermost(error).message;
    return new ConcordError('OrderFailed', { orderId: context.orderId, lastError }, { cause: error });
  }
  return error;
}

/** The row of the failure table that a workflow, an activity or an update's validator has named. */
function refusalIn(error: unknown): ConcordError | undefined {
  if (!(error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError)) return undefined;
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  if (!(cause instanceof ApplicationFailure) || !cause.nonRetryable || !isFailureCode(cause.type))
    return undefined;
  // What the participants say to one another is no answer for a user.
  if (cause.type === 'ProtocolViolation' || cause.type === 'LateArrival') return undefined;
  const [details] = cause.details ?? [];
  return new ConcordError(cause.type, details as FailureDetails[typeof cause.type], { cause: error });
}

const SIZE_WORDS = /(size|length) exceeds limit|message larger than max/i;

/**
 * The server is there, but takes no more calls (its rate or concurrency limits), or not one of this size. The SDK has
 * repeated the call for some 40 seconds by then: a burst is over by that time, so what is left is for the caller to know.
 */
function overloadIn(error: unknown, address: string, context: Context): ConcordError | undefined {
  const grpc = grpcErrorIn(error);
  if (grpc?.code !== status.INVALID_ARGUMENT && grpc?.code !== status.RESOURCE_EXHAUSTED) return undefined;
  const refusal = { server: 'Temporal', address, says: grpc.details };
  if (SIZE_WORDS.test(grpc.details)) return new ConcordError('TooLarge', refusal, { cause: error });
  if (grpc.code === status.INVALID_ARGUMENT) return undefined;
  const fix = context.unreachableFix ?? 'try again in a minute, with the same id where you gave one';
  return new ConcordError('Busy', { ...refusal, fix }, { cause: error });
}

function isUnreachable(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const code = grpcErrorIn(error)?.code;
  if (code !== undefined) return code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE;
  const inner = error instanceof ServiceError ? error.cause : error;
  return inner instanceof Error && inner.message === 'Failed to connect before the deadline';
}

/** Nobody can be asked or told anything of a workflow whose code fails. */
function isBrokenCode(error: unknown): boolean {
  const grpc = grpcErrorIn(error);
  return grpc?.code === status.FAILED_PRECONDITION && /workflow task/i.test(grpc.details);
}

const MISDIRECTION_FIXES = new Map([
  [
    status.PERMISSION_DENIED,
    'it denies permission: check TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH and the namespace',
  ],
  [status.UNIMPLEMENTED, 'what answers there is no Temporal server: check the address'],
  [
    status.UNAUTHENTICATED,
    'it does not accept who you are: check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH',
  ],
]);

/** Something answers, but will never answer this client: the wrong server, namespace or credentials. */
function misdirection(error: unknown, address: string): ConcordError | undefined {
  if (error instanceof NamespaceNotFoundError) {
    const server = `namespace ${error.namespace} of Temporal`;
    const fix = namespaceFix(address, error.namespace);
    return new ConcordError('Unreachable', { server, address, fix }, { cause: error });
  }
  const grpc = grpcErrorIn(error);
  const fix = grpc && MISDIRECTION_FIXES.get(grpc.code);
  if (fix === undefined) return undefined;
  return new ConcordError('Unreachable', { server: 'Temporal', address, fix }, { cause: error });
}

/** What to do where there is no such namespace. */
export function namespaceFix(address: string, namespace: string): string {
  return `create it with \`temporal operator namespace create --address ${address} ${namespace}\`, or name another`;
}

function noAnswerFix(error: WorkflowFailedError): string {
  if (error.cause instanceof TimeoutFailure) return 'start its worker, or see `concord doctor`';
  return `its worker runs, but fails: ${innermost(error).message}; see \`concord doctor\``;
}

function innermost(error: Error): Error {
  let inner = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return inner;
}
