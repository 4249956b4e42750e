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
import { defined } from '../domain/defined.ts';
import { ConcordError, type FailureDetails, isFailureCode } from '../domain/errors.ts';
import { grpcErrorIn, wordsOf } from '../platform/connection/grpc-error.ts';
import { proxyTo } from '../platform/connection/proxy.ts';
import { lackIn } from '../platform/connection/updates.ts';

interface Context {
  readonly address: string;
  /** Which order the call is about. */
  readonly orderId?: string;
  /** Which service's worker was to answer. */
  readonly service?: string;
  /** What to do if the server did not answer, or refused at some point, and the outcome is unknown. */
  readonly unreachableFix?: string;
}

/** Makes a call, and throws what Temporal throws as the typed failure that a user can act on. */
export async function translated<Result>(context: Context, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ConcordError) throw error;
    if (error instanceof WorkflowUpdateFailedError) throw refusalIn(error) ?? error;
    if (error instanceof WorkflowFailedError) throw refusalIn(error) ?? failureIn(error, context) ?? error;
    throw silenceIn(error, context) ?? answerIn(error, context) ?? error;
  }
}

/** The row of the failure table that a workflow, an activity or an update's validator has named. */
function refusalIn(error: WorkflowFailedError | WorkflowUpdateFailedError): ConcordError | undefined {
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  if (!(cause instanceof ApplicationFailure) || !cause.nonRetryable || !isFailureCode(cause.type))
    return undefined;
  // What the participants say to one another is no answer for a user.
  if (cause.type === 'ProtocolViolation' || cause.type === 'LateArrival') return undefined;
  const [details] = cause.details ?? [];
  return new ConcordError(cause.type, details as FailureDetails[typeof cause.type], { cause: error });
}

/** Why a workflow gave no answer. */
function failureIn(error: WorkflowFailedError, context: Context): ConcordError | undefined {
  const { address, service, orderId } = context;
  const { message: lastError } = innermost(error);
  // The server ends an activity with a larger result than a payload may be: 2 MB, unless somebody has set it otherwise.
  if (/exceeds size limit/i.test(lastError)) {
    const says = 'an answer of more than 2 MB';
    return new ConcordError('TooLarge', { server: 'Temporal', address, says }, { cause: error });
  }
  if (service !== undefined) {
    const isDown = error.cause instanceof TimeoutFailure;
    const what = isDown ? 'start its worker, or' : `its worker runs, but fails: ${lastError};`;
    return new ConcordError('NoAnswer', { service, fix: `${what} see \`concord doctor\`` }, { cause: error });
  }
  if (orderId === undefined) return undefined;
  return new ConcordError('OrderFailed', { orderId, lastError }, { cause: error });
}

function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}

/** Nothing answers, or no such namespace. */
function silenceIn(error: unknown, { address, unreachableFix }: Context): ConcordError | undefined {
  if (error instanceof NamespaceNotFoundError) {
    const server = `namespace ${error.namespace} of Temporal`;
    return unreachableAt(address, namespaceFix(address, error.namespace), error, server);
  }
  const fix = unreachableFix ?? 'start it there, or connect to another';
  return isSilence(error) ? unreachableAt(address, fix, error) : undefined;
}

function isSilence(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const code = grpcErrorIn(error)?.code;
  if (code !== undefined) return code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE;
  const inner = error instanceof ServiceError ? error.cause : error;
  return inner instanceof Error && inner.message === 'Failed to connect before the deadline';
}

/** The server is there, but does not take the call; or what is there will never answer this client. */
function answerIn(error: unknown, { address, unreachableFix }: Context): ConcordError | undefined {
  const grpc = grpcErrorIn(error);
  if (grpc === undefined) return undefined;
  const { code, details } = grpc;
  const refusal = { server: 'Temporal', address, says: wordsOf(grpc) };
  const isExhausted = code === status.RESOURCE_EXHAUSTED;
  if ((isExhausted || code === status.INVALID_ARGUMENT) && SIZE_WORDS.test(refusal.says))
    return new ConcordError('TooLarge', refusal, { cause: error });
  if (isExhausted) {
    // The SDK has repeated the call for some 40 seconds, so a burst is over, and the rest is for the caller to know.
    const fix = unreachableFix ?? 'try again in a minute, with the same id where you gave one';
    return new ConcordError('Busy', { ...refusal, fix }, { cause: error });
  }
  if (code === status.FAILED_PRECONDITION && /workflow task/i.test(details)) {
    const fix = 'the order’s workflow code fails: see `concord stuck`';
    return new ConcordError('NoAnswer', { service: 'orders', fix }, { cause: error });
  }
  const lack = lackIn(error);
  if (lack)
    return new ConcordError('Unsupported', { server: 'Temporal', address, ...lack }, { cause: error });
  const fix = MISDIRECTION_FIXES[code];
  return fix === undefined ? undefined : unreachableAt(address, fix, error);
}

const SIZE_WORDS = /(size|length) exceeds limit|message larger than max/i;

const MISDIRECTION_FIXES: Readonly<Record<number, string>> = {
  [status.PERMISSION_DENIED]:
    'it denies permission: check TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH and the namespace',
  [status.UNIMPLEMENTED]: 'what answers there is no Temporal server: check the address',
  [status.UNAUTHENTICATED]:
    'it does not accept who you are: check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH',
};

export function unreachableAt(address: string, fix: string, cause?: unknown, server = 'Temporal') {
  const through = proxyTo(address)?.name;
  return new ConcordError('Unreachable', defined({ server, address, through, fix }), { cause });
}

export function namespaceFix(address: string, namespace: string): string {
  return `create it with \`temporal operator namespace create --address ${address} ${namespace}\`, or name another`;
}
