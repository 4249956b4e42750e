import { allHandlersFinished, CancellationScope, condition, log } from '@temporalio/workflow';
import { defined } from '../../domain/defined.ts';
import { ConcordError } from '../../domain/errors.ts';
import { type Order, type OrderOutcome, parseOrder, type Reason, sameContent } from '../../domain/order.ts';
import type { CancelRequest, OrderProgress, ParticipantState, Phase } from '../../domain/place-order.ts';
import { parseCancelRequest } from '../../domain/place-order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import { participantNames } from '../contract/participants.ts';
import { Display } from './display.ts';
import { validOrNothing } from './failures.ts';
import { countCompensation, countOrder, isCounted, recordDecision } from './order-metrics.ts';

/** The state of an order while it is being placed; `handlers.ts` says who may ask for it and change it. */
export class Progress {
  readonly display: Display;
  private readonly order: Order;
  private readonly strategy: Strategy;
  private phase: Phase = 'preparing';
  private readonly participants: Record<string, ParticipantState> = {};
  private cancelRequest: CancelRequest | undefined;
  private decision: OrderOutcome | undefined;
  private stopVoting: () => void = () => {};

  constructor(order: Order, strategy: Strategy) {
    this.order = order;
    this.strategy = strategy;
    for (const name of participantNames()) this.participants[name] = 'preparing';
    this.display = new Display(() => this.snapshot());
  }

  /** Says what to do when somebody cancels before the decision. */
  onCancel(stopVoting: () => void): void {
    this.stopVoting = stopVoting;
    // A cancel that arrived with the workflow's first task was heard before anybody could act on it.
    if (this.cancelRequest !== undefined) stopVoting();
  }

  /** Returns what this workflow would decide: yes only if nobody refused and nobody has cancelled. */
  proposal(refusal: Reason | undefined): OrderOutcome {
    const { orderId } = this.order;
    const reason = this.cancellation() ?? refusal;
    if (reason === undefined) return { orderId, status: 'confirmed' };
    return { orderId, status: reason.code === 'Cancelled' ? 'cancelled' : 'rejected', reason };
  }

  /** Makes what is on record the decision, which all who ask are told from now on. */
  adopt(outcome: OrderOutcome): void {
    const { orderId, status, reason } = outcome;
    this.decision = outcome;
    this.phase = status === 'confirmed' ? 'committing' : 'rolling-back';
    log.info('order decided', { orderId, status, reason: reason?.message });
    this.display.decided();
    if (isCounted(outcome)) recordDecision(outcome, this.strategy);
  }

  show(participant: string, state: ParticipantState): void {
    this.participants[participant] = state;
    this.display.refresh();
    const isUndone = state === 'rolled-back' && (this.decision === undefined || isCounted(this.decision));
    if (isUndone) countCompensation(participant, this.strategy);
  }

  /** Shows a step while it runs, and how it ended. Not `async`: each promise costs every order a tenth of a millisecond. */
  track(participant: string, step: keyof typeof states, work: Promise<void>): Promise<void> {
    const { running, done } = states[step];
    this.show(participant, running);
    return work.then(
      () => {
        this.show(participant, done);
        this.display.stepEnded(participant);
      },
      (error) => {
        // A rollback may have begun meanwhile: the newer step is the one to show.
        const isNewest = this.participants[participant] === running;
        if (step === 'prepare' && isNewest) this.show(participant, 'refused');
        this.display.stepEnded(participant);
        throw error;
      },
    );
  }

  async finish(outcome: OrderOutcome): Promise<OrderOutcome> {
    this.decision = outcome;
    this.phase = 'final';
    this.display.ended();
    if (!allHandlersFinished()) await condition(allHandlersFinished);
    if (isCounted(outcome)) countOrder(outcome, this.strategy);
    return outcome;
  }

  cancel(request: unknown): Promise<OrderOutcome> {
    this.hear(request);
    return this.decided();
  }

  /** The first reason to cancel counts; after the decision none does. */
  hear(input: unknown): void {
    const request = validOrNothing(parseCancelRequest, input);
    if (request === undefined || this.decision !== undefined) return;
    this.cancelRequest ??= request;
    this.stopVoting();
  }

  async decided(): Promise<OrderOutcome> {
    // A cancel of the workflow itself must not cut off those who wait: they are told what came of it.
    await CancellationScope.nonCancellable(() => condition(() => this.decision !== undefined));
    return this.decision as OrderOutcome;
  }

  /** @throws ConcordError `TooLate`, `InvalidInput` */
  refuseLateCancel(request: unknown): void {
    parseCancelRequest(request);
    if (this.decision === undefined) return;
    throw new ConcordError('TooLate', { orderId: this.order.orderId, status: this.decision.status });
  }

  /** @throws ConcordError `OrderIdTaken`, `InvalidInput` */
  refuseOtherContent(asked: unknown): void {
    if (sameContent(parseOrder(asked), this.order)) return;
    throw new ConcordError('OrderIdTaken', { orderId: this.order.orderId });
  }

  snapshot(): OrderProgress {
    const { order, phase, participants, decision } = this;
    return defined({ ...order, phase, participants: { ...participants }, decision });
  }

  private cancellation(): Reason | undefined {
    if (this.cancelRequest !== undefined) return { code: 'Cancelled', message: this.cancelRequest.reason };
    // Temporal's own cancel, from its Web UI or CLI, is a cancel as well.
    const byTemporal = CancellationScope.current().consideredCancelled;
    return byTemporal ? { code: 'Cancelled', message: 'the workflow was cancelled' } : undefined;
  }
}

const states = {
  prepare: { running: 'preparing', done: 'prepared' },
  commit: { running: 'committing', done: 'committed' },
  rollback: { running: 'rolling-back', done: 'rolled-back' },
} as const;
