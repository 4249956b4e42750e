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
    const refusal = refusalIn(error) ?? overloadIn(error, context) ?? lackingIn(error, context);
    const silence = unreachableIn(error, context) ?? brokenCodeIn(error);
    throw refusal ?? silence ?? largeAnswerIn(error, context) ?? failureIn(error, context) ?? error;
  }
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
 * repeated the call for some 40 seconds by then, so a burst is over, and what is left is for the caller to know.
 */
function overloadIn(error: unknown, { address, unreachableFix }: Context): ConcordError | undefined {
  const grpc = grpcErrorIn(error);
  if (grpc?.code !== status.INVALID_ARGUMENT && grpc?.code !== status.RESOURCE_EXHAUSTED) return undefined;
  const refusal = { server: 'Temporal', address, says: wordsOf(grpc) };
  if (SIZE_WORDS.test(refusal.says)) return new ConcordError('TooLarge', refusal, { cause: error });
  if (grpc.code === status.INVALID_ARGUMENT) return undefined;
  const fix = unreachableFix ?? 'try again in a minute, with the same id where you gave one';
  return new ConcordError('Busy', { ...refusal, fix }, { cause: error });
}

/** The server is too old, or has switched off what the call takes. */
function lackingIn(error: unknown, { address }: Context): ConcordError | undefined {
  const lack = lackIn(error);
  return lack && new ConcordError('Unsupported', { server: 'Temporal', address, ...lack }, { cause: error });
}

/** Nothing answers; or what does will never answer this client: the wrong server, namespace or credentials. */
function unreachableIn(error: unknown, { address, unreachableFix }: Context): ConcordError | undefined {
  const unreachable = (fix: string, server?: string) => unreachableAt(address, { fix, server, cause: error });
  if (isSilence(error)) return unreachable(unreachableFix ?? 'start it there, or connect to another');
  if (error instanceof NamespaceNotFoundError)
    return unreachable(namespaceFix(address, error.namespace), `namespace ${error.namespace} of Temporal`);
  const fix = MISDIRECTION_FIXES[grpcErrorIn(error)?.code ?? status.OK];
  return fix === undefined ? undefined : unreachable(fix);
}

/** The failure of a server at this address. @param options `server`: Temporal by default. */
export function unreachableAt(
  address: string,
  { fix, server = 'Temporal', cause }: { fix: string; server?: string | undefined; cause?: unknown },
): ConcordError<'Unreachable'> {
  const through = proxyTo(address)?.name;
  return new ConcordError('Unreachable', defined({ server, address, through, fix }), { cause });
}

function isSilence(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const code = grpcErrorIn(error)?.code;
  if (code !== undefined) return code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE;
  const inner = error instanceof ServiceError ? error.cause : error;
  return inner instanceof Error && inner.message === 'Failed to connect before the deadline';
}

const MISDIRECTION_FIXES: Readonly<Record<number, string>> = {
  [status.PERMISSION_DENIED]:
    'it denies permission: check TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH and the namespace',
  [status.UNIMPLEMENTED]: 'what answers there is no Temporal server: check the address',
  [status.UNAUTHENTICATED]:
    'it does not accept who you are: check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH',
};

/** What to do if there is no such namespace. */
export function namespaceFix(address: string, namespace: string): string {
  return `create it with \`temporal operator namespace create --address ${address} ${namespace}\`, or name another`;
}

/** Nobody can be asked or told anything of a workflow whose code fails. */
function brokenCodeIn(error: unknown): ConcordError | undefined {
  const grpc = grpcErrorIn(error);
  if (grpc?.code !== status.FAILED_PRECONDITION || !/workflow task/i.test(grpc.details)) return undefined;
  const fix = 'the order’s workflow code fails: see `concord stuck`';
  return new ConcordError('NoAnswer', { service: 'orders', fix }, { cause: error });
}

/** The server ends an activity whose result is larger than a payload may be, which is 2 MB unless somebody has set it otherwise. */
function largeAnswerIn(error: unknown, { address }: Context): ConcordError | undefined {
  if (!(error instanceof WorkflowFailedError) || !/exceeds size limit/i.test(innermost(error).message))
    return undefined;
  const says = 'an answer of more than 2 MB';
  return new ConcordError('TooLarge', { server: 'Temporal', address, says }, { cause: error });
}

function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}

function failureIn(error: unknown, { service, orderId }: Context): ConcordError | undefined {
  if (!(error instanceof WorkflowFailedError)) return undefined;
  const lastError = innermost(error).message;
  if (service !== undefined) {
    const fix =
      error.cause instanceof TimeoutFailure
        ? 'start its worker, or see `concord doctor`'
        : `its worker runs, but fails: ${lastError}; see \`concord doctor\``;
    return new ConcordError('NoAnswer', { service, fix }, { cause: error });
  }
  return orderId === undefined
    ? undefined
    : new ConcordError('OrderFailed', { orderId, lastError }, { cause: error });
}
