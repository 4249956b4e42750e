import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { log, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { currentDetails } from '../../domain/current-details.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { FinalStatus } from '../../domain/order.ts';
import type { OrderProgress } from '../../domain/place-order.ts';
import { type OwnStuckStep, parseOwnStuckSteps } from '../../domain/stuck-step.ts';
import { causeOf } from './failures.ts';

const STATUS = defineSearchAttributeKey('OrderStatus', 'KEYWORD');
const NEEDS_ATTENTION = defineSearchAttributeKey('OrderNeedsAttention', 'BOOL');

/**
 * What lists and the Web UI show of an order while it is being placed. Only a search attribute that changes costs a
 * history event; an order that is never stuck pays for its status, once.
 */
export class Display {
  private readonly snapshot: () => OrderProgress;
  private stuckSteps: readonly OwnStuckStep[] = [];
  private failure: string | undefined;

  /** @param snapshot Where the order stands. */
  constructor(snapshot: () => OrderProgress) {
    this.snapshot = snapshot;
    this.refresh();
  }

  /** Shows where the order stands now. */
  refresh(): void {
    setCurrentDetails(
      currentDetails(this.snapshot(), {
        stuckSteps: this.stuckSteps,
        ...(this.failure === undefined ? {} : { failure: this.failure }),
      }),
    );
  }

  /** A participant's step has ended, so whatever was wrong with it no longer is. */
  gotOn(participant: string): void {
    this.forget(({ step }) => step.startsWith(`${participant}.`));
  }

  /** The order is decided, and nothing that kept it from that matters any more. */
  decided(status: FinalStatus): void {
    this.forget(() => true, [{ key: STATUS, value: status }]);
  }

  /** The order has stopped on an error: an operator has to settle it. */
  failed(error: unknown): void {
    this.failure = causeOf(error);
    upsertChanged([{ key: NEEDS_ATTENTION, value: true }]);
    this.refresh();
  }

  private forget(isOver: (step: OwnStuckStep) => boolean, changes: SearchAttributeUpdatePair[] = []): void {
    const left = this.stuckSteps.filter((step) => !isOver(step));
    const isWell = left.length === 0 && this.stuckSteps.length > 0;
    this.stuckSteps = left;
    upsertChanged(isWell ? [...changes, { key: NEEDS_ATTENTION, value: false }] : changes);
    this.refresh();
  }

  /** Takes in what is said to be wrong with the order. Anyone may say so, and there is nobody to refuse it to. */
  takeIn(input: unknown): void {
    try {
      const stuckSteps = parseOwnStuckSteps(input);
      // It was on its way while the order got on to its end.
      if (this.snapshot().phase === 'final') return;
      this.stuckSteps = stuckSteps;
      upsertChanged([{ key: NEEDS_ATTENTION, value: true }]);
      this.refresh();
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      log.warn('what was said to be wrong with the order was dropped', { reason: error.message });
    }
  }
}

/**
 * Only what the order was started with: its start tells whether the server knows these attributes, and whether the order
 * is older than they are, so that its history still replays.
 */
function upsertChanged(changes: readonly SearchAttributeUpdatePair[]): void {
  const { typedSearchAttributes: known } = workflowInfo();
  const changed = changes.filter(({ key, value }) => {
    const current = known.get(key);
    return current !== undefined && current !== value;
  });
  if (changed.length > 0) upsertSearchAttributes(changed);
}
