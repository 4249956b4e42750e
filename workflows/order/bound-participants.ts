import type { OrderOutcome } from '../../domain/order.ts';
import type { ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { preparing, settling } from '../contract/activities.ts';
import { participants } from '../contract/participants.ts';

/** Who votes on an order, bound to it. */
export interface BoundVoter {
  readonly name: string;
  prepare(): Promise<void>;
}

/** A participant, bound to one order: it votes, and is told the decision. */
export interface BoundParticipant extends BoundVoter {
  commit(): Promise<void>;
  rollback(outcome: Pick<RollbackRequest, 'status' | 'reason'>): Promise<void>;
}

/**
 * Who takes part in an order beside the order service: they prepare and commit at once, and roll back last to first.
 *
 * @param prepareBudget How long all attempts to prepare may take together, in milliseconds.
 */
export function bindParticipants(request: ParticipantRequest, prepareBudget: number): BoundParticipant[] {
  return Object.entries(participants).map(([name, activities]) => ({
    name,
    prepare: () => activities(preparing(prepareBudget)).prepare(request),
    commit: () => activities(settling).commit(request),
    rollback: (outcome) => activities(settling).rollback({ ...request, ...outcome }),
  }));
}

/** What a participant is told of an order that is refused. */
export function refusalOf({
  status,
  reason,
}: Partial<OrderOutcome> = {}): Pick<RollbackRequest, 'status' | 'reason'> {
  if (status === undefined || status === 'confirmed' || reason === undefined) {
    throw new Error('only an order that is refused, for a reason, is rolled back');
  }
  return { status, reason };
}
