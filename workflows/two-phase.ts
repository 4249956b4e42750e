import { CancellationScope } from '@temporalio/workflow';
import { allDone } from '../domain/all-done.ts';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import type { ParticipantRequest } from '../domain/participant.ts';
import { Compensations } from './order/compensations.ts';
import { reasonOf, recordedOutcome } from './order/failures.ts';
import { type BoundParticipant, bindParticipants } from './order/participants.ts';
import type { Progress } from './order/progress.ts';

/**
 * Two-phase commit whose coordinator is this workflow. Its decision is durable in the history, so a coordinator that
 * dies goes on where it was, and nobody stays blocked.
 *
 * Source of the protocol: Gray, Notes on Data Base Operating Systems, 1978; of compensation: Garcia-Molina and Salem,
 * Sagas, 1987.
 */
export async function placeInTwoPhases(
  request: ParticipantRequest,
  prepareBudget: number,
  progress: Progress,
): Promise<OrderOutcome> {
  const participants = bindParticipants(request, prepareBudget);
  const compensations = new Compensations();

  const refusal = await collectVotes(participants, compensations, progress);
  const decision = progress.decide(refusal);

  // A decision is final: from here on nothing can be cancelled, and every step is retried until it succeeds.
  return CancellationScope.nonCancellable(async () => {
    if (decision.status === 'confirmed') await commit(participants, progress);
    const recorded = decision.status === 'confirmed' ? undefined : recordedOutcome(await compensations.run());
    return progress.finish(recorded ?? decision);
  });
}

/** Returns why not, or nothing where all have voted yes. */
async function collectVotes(
  participants: readonly BoundParticipant[],
  compensations: Compensations,
  progress: Progress,
): Promise<Reason | undefined> {
  const votes = new CancellationScope();
  progress.onCancel(() => votes.cancel());
  try {
    await votes.run(() =>
      Promise.all(
        participants.map((participant) => {
          // Registered before the step: an attempt that timed out may have been applied.
          compensations.add(() =>
            progress.track(participant, 'rollback', participant.rollback(progress.refused())),
          );
          return progress.track(participant, 'prepare', participant.prepare());
        }),
      ),
    );
    return undefined;
  } catch (error) {
    votes.cancel(); // one no is enough: the other votes no longer matter
    return reasonOf(error);
  }
}

/** All are told, even where one refuses. */
function commit(participants: readonly BoundParticipant[], progress: Progress): Promise<void> {
  return allDone(
    participants.map((participant) => progress.track(participant, 'commit', participant.commit())),
  );
}
