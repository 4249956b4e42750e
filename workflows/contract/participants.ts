import type { ActivityOptions } from '@temporalio/workflow';
import type { Participant } from '../../domain/participant.ts';
import type { Inspectable } from '../../domain/resolution.ts';
import { inventory } from './activities.ts';

/**
 * The participants beside the order service, whose own record holds the decision, each with the activities of its
 * steps. A further participant is one more row: see docs/adding-a-participant.md.
 */
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
export function participantNames(): string[] {
  return ['orders', ...Object.keys(participants)];
}
