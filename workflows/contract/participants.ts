import type { ActivityOptions } from '@temporalio/workflow';
import type { OrderOutcome } from '../../domain/order.ts';
import type { Participant, ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import type { Inspectable } from '../../domain/resolution.ts';
import { inventory, preparing, settling } from './activities.ts';

/** All beside the order service, with the activities of their steps. One more is a row: see docs/adding-a-participant.md. */
export const participants: Record<string, (options: ActivityOptions) => Participant & Inspectable> = {
  inventory(options) {
    const activities = inventory(options);
    return {
      prepare: activities['inventory.prepare'],
      commit: activities['inventory.commit'],
      rollback: activities['inventory.rollback'],
      inspect: activities['inventory.inspect'],
    };
  },
};

/** Returns their names, the order service's first. */
export const participantNames = (): string[] => ['orders', ...Object.keys(participants)];

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
