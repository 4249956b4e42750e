import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { currentDetails } from '../../domain/current-details.ts';
import type { OrderProgress } from '../../domain/place-order.ts';
import { type OwnStuckStep, parseOwnStuckSteps } from '../../domain/stuck-step.ts';
import { causeOf, validOrNothing } from './failures.ts';

const STATUS = defineSearchAttributeKey('OrderStatus', 'KEYWORD');
const NEEDS_ATTENTION = defineSearchAttributeKey('OrderNeedsAttention', 'BOOL');
const ATTENTION = [{ key: NEEDS_ATTENTION, value: true }];

/**
 * Shows an order in lists and in the Web UI. A change of search attributes is billed, recorded, and written to what lists
 * are read from, unless it comes with the order's end, which is written there anyway. So an order that is never stuck
 * changes them once, at its end.
 */
export class Display {
  private readonly snapshot: () => OrderProgress;
  private stuckSteps: readonly OwnStuckStep[] = [];
  private failure: string | undefined;

  constructor(snapshot: () => OrderProgress) {
    this.snapshot = snapshot;
    this.refresh();
  }

  refresh(): void {
    const { stuckSteps, failure } = this;
    setCurrentDetails(currentDetails(this.snapshot(), { stuckSteps, failure }));
  }

  /** A participant's step has ended, so whatever was wrong with it no longer is. */
  stepEnded(participant: string): void {
    this.forget(({ step }) => step.startsWith(`${participant}.`));
  }

  /** The order is decided, and nothing that kept it from that matters any more. */
  decided(): void {
    this.forget(() => true);
  }

  /** Every service is done with the order. */
  ended(): void {
    this.forget(() => true);
    this.update([]);
  }

  /** The order has stopped on an error: an operator has to settle it. */
  failed(error: unknown): void {
    this.failure = causeOf(error);
    this.update(ATTENTION);
  }

  /** Shows what `watchOrders` says is wrong with the order, which can't see it by itself. */
  takeIn(input: unknown): void {
    const warning = 'what was said to be wrong with the order was dropped';
    const stuckSteps = validOrNothing(parseOwnStuckSteps, input, warning);
    // The signal may arrive after the order has ended.
    if (stuckSteps === undefined || this.snapshot().phase === 'final') return;
    this.stuckSteps = stuckSteps;
    this.update(ATTENTION);
  }

  private forget(isOver: (step: OwnStuckStep) => boolean): void {
    const left = this.stuckSteps.filter((step) => !isOver(step));
    if (left.length === this.stuckSteps.length) return;
    this.stuckSteps = left;
    this.update(left.length === 0 ? [{ key: NEEDS_ATTENTION, value: false }] : []);
  }

  private update(changes: readonly SearchAttributeUpdatePair[]): void {
    const { phase, decision } = this.snapshot();
    const isStatusDue = phase === 'final' || changes.length > 0;
    const status = decision && isStatusDue ? [{ key: STATUS, value: decision.status }] : [];
    upsertChanged([...changes, ...status]);
    this.refresh();
  }
}

/** Changes only attributes that the order was started with: the server knows those, and its history still replays. */
function upsertChanged(changes: readonly SearchAttributeUpdatePair[]): void {
  const { typedSearchAttributes: known } = workflowInfo();
  const changed = changes.filter(({ key, value }) => {
    const current = known.get(key);
    return current !== undefined && current !== value;
  });
  if (changed.length > 0) upsertSearchAttributes(changed);
}
