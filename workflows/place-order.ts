import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import { allDone } from '../domain/all-done.ts';
import { ConcordError } from '../domain/errors.ts';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import { type PlaceOrderInput, parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import { Compensations } from './compensations.ts';
import { asWorkflowFailure, reasonOf, recordedOutcome } from './failures.ts';
import { type BoundParticipant, bindParticipants } from './participants.ts';
import { Progress } from './progress.ts';

/**
 * Places one order across all participants, or none: two-phase commit whose coordinator is this workflow. Its
 * decision is durable in the history, so a coordinator that dies goes on where it was, and nobody stays blocked.
 *
 * @throws ApplicationFailure `InvalidInput`, before anything is written; `ProtocolViolation` where a participant
 *   refuses to settle, which takes an operator.
 */
export async function placeOrder(input: PlaceOrderInput): Promise<OrderOutcome> {
  const { order, prepareBudget } = validate(input);
  const { firstExecutionRunId: transaction, startTime } = workflowInfo();
  const placedAt = startTime.toISOString();
  const participants = bindParticipants({ order, transaction, placedAt }, prepareBudget);
  const progress = new Progress(order);
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

/** This workflow may have been started by anyone, so it trusts nothing that the client has checked. */
function validate(input: unknown): Required<PlaceOrderInput> {
  return asWorkflowFailure(() => {
    const valid = parsePlaceOrderInput(input);
    const workflowId = workflowIdOf(valid.order.orderId);
    if (workflowInfo().workflowId === workflowId) return valid;
    // Two workflows for one order id would be two coordinators.
    throw new ConcordError('InvalidInput', {
      problems: [{ field: 'workflowId', fix: `start this order as ${workflowId}` }],
    });
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

async function commit(participants: readonly BoundParticipant[], progress: Progress): Promise<void> {
  const commits = participants.map((participant) =>
    progress.track(participant, 'commit', participant.commit()),
  );
  // All are told, even where one refuses.
  await allDone(commits);
}
