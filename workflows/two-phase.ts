import { CancellationScope } from '@temporalio/workflow';
import { allDone } from '../domain/all-done.ts';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import { type BoundParticipant, bindParticipants, refusalOf } from './contract/participants.ts';
import { Compensations } from './order/compensations.ts';
import { reasonOf } from './order/failures.ts';
import { decideOrder, type Placement } from './order/order-service.ts';
import type { Progress } from './order/progress.ts';

/**
 * Two-phase commit, coordinated by this workflow: all services vote at once; the order service records the decision;
 * the others are told what is on record. A coordinator that dies goes on where it was, so nobody stays blocked.
 *
 * Source of the protocol: Gray, Notes on Data Base Operating Systems, 1978; of compensation: Garcia-Molina and Salem,
 * Sagas, 1987.
 */
export async function placeInTwoPhases(placement: Placement): Promise<OrderOutcome> {
  const { request, prepareBudget, orders, progress } = placement;
  const participants = bindParticipants(request, prepareBudget);
  const compensations = new Compensations();
  let decision: OrderOutcome | undefined;
  // Registered before the first step: an attempt that timed out may have been applied.
  for (const { name, rollback } of participants) {
    compensations.add(() => progress.track(name, 'rollback', rollback(refusalOf(decision))));
  }

  const refusal = await collectVotes([orders, ...participants], progress);
  const proposal = progress.proposal(refusal);

  // From here on nothing can be cancelled, and every step is retried until it succeeds.
  return CancellationScope.nonCancellable(async () => {
    try {
      decision = await decideOrder(placement, proposal);
    } catch (error) {
      // Another coordinator has left this order undecided. It can't have counted on what these participants have voted.
      decision = proposal;
      if (proposal.status !== 'confirmed') await compensations.run();
      throw error;
    }
    if (decision.status === 'confirmed') {
      await allDone(participants.map(({ name, commit }) => progress.track(name, 'commit', commit())));
    } else {
      const [failure] = await compensations.run();
      if (failure !== undefined) throw failure;
    }
    return progress.finish(decision);
  });
}

/** Returns why the order is refused, or undefined if all have voted yes. */
async function collectVotes(
  voters: readonly Pick<BoundParticipant, 'name' | 'prepare'>[],
  progress: Progress,
): Promise<Reason | undefined> {
  const votes = new CancellationScope();
  progress.onCancel(() => votes.cancel());
  let refusal: Reason | undefined;
  const vote = ({ name, prepare }: (typeof voters)[number]) =>
    progress.track(name, 'prepare', prepare()).catch((error) => {
      refusal ??= reasonOf(error, name);
      throw error;
    });
  try {
    await votes.run(() => Promise.all(voters.map(vote)));
    return undefined;
  } catch (error) {
    votes.cancel(); // one no is enough: the other votes no longer matter
    if (refusal === undefined) throw error;
    return refusal;
  }
}
