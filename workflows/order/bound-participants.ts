import type { OrderOutcome } from '../../domain/order.ts';
import type { ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { preparing, settling } from '../contract/activities.ts';
import { participants } from '../contract/participants.ts';

type Refusal = Pick<RollbackRequest, 'status' | 'reason'>;

/** A participant, bound to one order: it votes, and is told the decision. */
export type BoundParticipant = ReturnType<typeof bindParticipants>[number];

/** The participants beside the order service: they prepare and commit at once, and roll back last to first. */
export function bindParticipants(request: ParticipantRequest, prepareBudget: number) {
  return Object.entries(participants).map(([name, activities]) => ({
    name,
    prepare: () => activities(preparing(prepareBudget)).prepare(request),
    commit: () => activities(settling).commit(request),
    rollback: (refusal: Refusal) => activities(settling).rollback({ ...request, ...refusal }),
  }));
}

/** Returns what a participant is told of an order that is refused. */
export function refusalOf({ status, reason }: Partial<OrderOutcome> = {}): Refusal {
  if (status === undefined || status === 'confirmed' || reason === undefined) {
    throw new Error('only an order that is refused, for a reason, is rolled back');
  }
  return { status, reason };
}
