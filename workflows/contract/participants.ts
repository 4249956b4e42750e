import type { ActivityOptions } from '@temporalio/workflow';
import type { Participant } from '../../domain/participant.ts';
import type { Inspectable } from '../../domain/resolution.ts';
import { inventory } from './activities.ts';

/** A participant's part in an order, each step by the activity that takes it. */
export type ParticipantActivities = Participant & Inspectable;

/**
 * Who takes part in an order beside the order service, whose own record holds the decision. A further participant is one
 * more row, which names its activities: see docs/adding-a-participant.md.
 */
export const participants: Record<string, (options: ActivityOptions) => ParticipantActivities> = {
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

/** Their names, the order service's first. */
export function participantNames(): string[] {
  return ['orders', ...Object.keys(participants)];
}
