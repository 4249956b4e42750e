import { type ActivityOptions, scheduleActivity } from '@temporalio/workflow';
import type { Participant, ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { policies } from '../../domain/policies.ts';
import { summaryOf } from '../../domain/summaries.ts';
import { participantNames } from './participant-names.ts';

/** A participant, bound to one order. */
export interface BoundParticipant {
  readonly name: string;
  prepare(): Promise<void>;
  commit(): Promise<void>;
  rollback(outcome: Pick<RollbackRequest, 'status' | 'reason'>): Promise<void>;
}

/**
 * Who takes part in an order: they prepare and commit at once, and roll back last to first, so the order's own record
 * closes last.
 *
 * @param prepareBudget How long all attempts to prepare may take together, in milliseconds.
 */
export function bindParticipants(request: ParticipantRequest, prepareBudget: number): BoundParticipant[] {
  return participantNames.map((name) => {
    const call = (phase: keyof Participant, argument: ParticipantRequest, options: ActivityOptions) =>
      scheduleActivity<void>(`${name}.${phase}`, [argument], {
        taskQueue: name,
        summary: summaryOf(`${name}.${phase}`),
        ...options,
      });
    return {
      name,
      prepare: () =>
        call('prepare', request, { ...optionsOf('prepare'), scheduleToCloseTimeout: prepareBudget }),
      commit: () => call('commit', request, optionsOf('settle')),
      rollback: (outcome) =>
        call('rollback', { ...request, ...outcome } as RollbackRequest, optionsOf('settle')),
    };
  });
}

/**
 * The row of the policy table, in Temporal's words.
 *
 * @param activity Its full name, for what the Web UI says of it.
 */
export function optionsOf(kind: keyof typeof policies, activity?: string): ActivityOptions {
  const { attempt, firstRetry, longestRetry } = policies[kind];
  return {
    startToCloseTimeout: attempt,
    retry: { initialInterval: firstRetry, backoffCoefficient: 2, maximumInterval: longestRetry },
    ...(activity === undefined ? {} : { summary: summaryOf(activity) }),
  };
}
