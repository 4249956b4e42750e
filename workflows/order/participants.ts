import { type ActivityOptions, scheduleActivity } from '@temporalio/workflow';
import type { OrderOutcome } from '../../domain/order.ts';
import type { Participant, ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { policies } from '../../domain/policies.ts';
import { summaryOf } from '../../domain/summaries.ts';
import { participantNames } from './participant-names.ts';

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
  const [, ...names] = participantNames;
  return names.map((name) => ({
    ...bindVoter(name, request, prepareBudget),
    commit: () => call(name, 'commit', request, optionsOf('settle')),
    rollback: (outcome) =>
      call(name, 'rollback', { ...request, ...outcome } as RollbackRequest, optionsOf('settle')),
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

/** @param prepareBudget How long all attempts to prepare may take together, in milliseconds. */
export function bindVoter(name: string, request: ParticipantRequest, prepareBudget: number): BoundVoter {
  const options = { ...optionsOf('prepare'), scheduleToCloseTimeout: prepareBudget };
  return { name, prepare: () => call(name, 'prepare', request, options) };
}

function call(
  name: string,
  phase: keyof Participant,
  argument: ParticipantRequest,
  options: ActivityOptions,
): Promise<void> {
  return scheduleActivity<void>(`${name}.${phase}`, [argument], {
    taskQueue: name,
    summary: summaryOf(`${name}.${phase}`),
    ...options,
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
