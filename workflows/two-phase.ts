import { CancellationScope } from '@temporalio/workflow';
import { allDone } from '../domain/all-done.ts';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import type { ParticipantRequest } from '../domain/participant.ts';
import {
  type BoundParticipant,
  type BoundVoter,
  bindParticipants,
  refusalOf,
} from './order/bound-participants.ts';
import { Compensations } from './order/compensations.ts';
import { reasonOf } from './order/failures.ts';
import { bindOrderService, decideOrder } from './order/order-service.ts';
import type { Progress } from './order/progress.ts';

/**
 * Two-phase commit whose coordinator is this workflow: all services vote at once; the order service puts the decision on
 * record; the others are told what is on record there. A coordinator that dies goes on where it was, and nobody stays
 * blocked.
 *
 * Source of the protocol: Gray, Notes on Data Base Operating Systems, 1978; of compensation: Garcia-Molina and Salem,
 * Sagas, 1987.
 */
export async function placeInTwoPhases(
  request: ParticipantRequest,
  prepareBudget: number,
  progress: Progress,
): Promise<OrderOutcome> {
  const orders = bindOrderService(request, prepareBudget);
  const participants = bindParticipants(request, prepareBudget);
  const compensations = new Compensations();
  let decision: OrderOutcome | undefined;
  // Registered before the first step: an attempt that timed out may have been applied.
  for (const participant of participants) {
    compensations.add(() =>
      progress.track(participant, 'rollback', participant.rollback(refusalOf(decision))),
    );
  }

  const refusal = await collectVotes([orders, ...participants], progress);
  const proposal = progress.proposal(refusal);

  // From here on nothing can be cancelled, and every step is retried until it succeeds.
  return CancellationScope.nonCancellable(async () => {
    try {
      decision = await decideOrder(orders, proposal, progress);
    } catch (error) {
      // Another coordinator has left this order undecided. It can't have counted on what these participants have voted.
      decision = proposal;
      if (proposal.status !== 'confirmed') await compensations.run();
      throw error;
    }
    if (decision.status === 'confirmed') await commit(participants, progress);
    else await rollBack(compensations);
    return progress.finish(decision);
  });
}

/** Returns why not, or nothing where all have voted yes. */
async function collectVotes(voters: readonly BoundVoter[], progress: Progress): Promise<Reason | undefined> {
  const votes = new CancellationScope();
  progress.onCancel(() => votes.cancel());
  let refusal: Reason | undefined;
  try {
    await votes.run(() =>
      Promise.all(
        voters.map((voter) =>
          progress.track(voter, 'prepare', voter.prepare()).catch((error) => {
            refusal ??= reasonOf(error, voter.name);
            throw error;
          }),
        ),
      ),
    );
    return undefined;
  } catch (error) {
    votes.cancel(); // one no is enough: the other votes no longer matter
    if (refusal === undefined) throw error;
    return refusal;
  }
}

/** All are told, even where one refuses. */
function commit(participants: readonly BoundParticipant[], progress: Progress): Promise<void> {
  return allDone(
    participants.map((participant) => progress.track(participant, 'commit', participant.commit())),
  );
}

async function rollBack(compensations: Compensations): Promise<void> {
  const [failure] = await compensations.run();
  if (failure !== undefined) throw failure;
}
