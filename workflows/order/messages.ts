import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { queries, signals } from '../../domain/addresses.ts';
import type { Announcement } from '../../domain/announcements.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import type { Envelope } from '../../domain/envelopes.ts';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import type { CancelRequest, OrderProgress } from '../../domain/place-order.ts';
import type { OwnStuckStep } from '../../domain/stuck-step.ts';

/** Where the order stands. */
export const statusQuery = defineQuery<OrderProgress>('status');

/** Cancels the order, and returns how it ends. Rejected with `TooLate` after the decision, or with `InvalidInput`. */
export const cancelUpdate = defineUpdate<OrderOutcome, [CancelRequest]>('cancel');

/** Cancels as the update does, also while others hold the ten that a workflow takes at once. Ask `status` for the end. */
export const cancelSignal = defineSignal<[CancelRequest]>('cancel');

/**
 * Returns the decision as soon as there is one, while participants are still being told. Rejected with `OrderIdTaken`
 * if the argument is another order. Any number of callers may wait for it if they give their update the same id.
 */
export const decisionUpdate = defineUpdate<OrderOutcome, [Order]>('decision');

/** To an order: what the inventory answers to its messages; in `event-driven`, only that the stock is settled. */
export const replySignal = defineSignal<[Announcement]>(signals.reply);

/** To an order, in `event-driven`: the decision that the order service has on record. */
export const recordedSignal = defineSignal<[OrderOutcome]>(signals.recorded);

/** To an order: its steps that are stuck, which its workflow can't see by itself. Only people read them. */
export const stuckStepsSignal = defineSignal<[readonly OwnStuckStep[]]>(signals.stuckSteps);

/** To a mailbox: an announcement, and who gets it. */
export const messageSignal = defineSignal<[Envelope]>(signals.message);

/** Of a mailbox: what waits in it, and why it has failed. */
export const waitingQuery = defineQuery<WaitingView[]>(queries.waiting);

/** Of a mailbox: which announcements of these, by their ids, it neither keeps nor has just handed over. */
export const lackingQuery = defineQuery<string[], [readonly string[]]>(queries.lacking);

/** To a mailbox: try now what waits for this order, and have outboxes told now of what every receiver has. */
export const tryNowSignal = defineSignal<[string]>('tryNow');
