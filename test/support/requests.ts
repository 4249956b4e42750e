import { ConcordError, type FailureCode } from '../../domain/errors.ts';
import type { Line } from '../../domain/order.ts';
import type { DecideRequest, ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { DEFAULT_STRATEGY, type Strategy } from '../../domain/strategies.ts';

/** What a coordinator would send for an order of these lines. */
export function requestOf(
  orderId: string,
  lines: readonly Line[],
  coordinatorId = 'run-1',
  strategy: Strategy = DEFAULT_STRATEGY,
): ParticipantRequest {
  const order = { orderId, customerId: 'customer', lines: [...lines].sort(bySku) };
  return { order, coordinatorId, placedAt: '2026-01-01T00:00:00.000Z', strategy };
}

export function rollbackOf(request: ParticipantRequest): RollbackRequest {
  return { ...request, status: 'cancelled', reason: { code: 'Cancelled', message: 'changed their mind' } };
}

/** As an order that is confirmed is put on record. */
export function confirmedOf(request: ParticipantRequest): DecideRequest {
  return { ...request, status: 'confirmed' };
}

/** `ok`, or the code of the failure: what a coordinator sees of a call. */
export async function answerOf(call: Promise<unknown>): Promise<'ok' | FailureCode> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (error instanceof ConcordError) return error.code;
    throw error;
  }
}

function bySku(one: Line, other: Line): number {
  return one.sku < other.sku ? -1 : 1;
}
