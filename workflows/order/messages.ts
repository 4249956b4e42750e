import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { queries, signals } from '../../domain/addresses.ts';
import type { Announcement } from '../../domain/announcements.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import type { CancelRequest, OrderProgress } from '../../domain/place-order.ts';
import type { OwnStuckStep } from '../../domain/stuck-step.ts';

/** Where the order stands: phase, lines, each participant's state, the decision once there is one. */
export const statusQuery = defineQuery<OrderProgress>('status');

/**
 * Cancels the order, and returns once that is decided. Rejected with `TooLate` after the decision, and with
 * `InvalidInput` where the request is malformed.
 */
export const cancelUpdate = defineUpdate<OrderOutcome, [CancelRequest]>('cancel');

/**
 * Cancels the order, as the update does, and is never refused: a workflow takes ten updates at once, which others may
 * hold. After the decision, and where the request is malformed, it changes nothing. The `status` query tells what came of it.
 */
export const cancelSignal = defineSignal<[CancelRequest]>('cancel');

/**
 * Returns the decision as soon as there is one, while participants are still being told. The order in the argument
 * must be this one: otherwise it is rejected with `OrderIdTaken`.
 *
 * Callers who give their update the same id wait for the same update, and any number of them may.
 */
export const decisionUpdate = defineUpdate<OrderOutcome, [Order]>('decision');

/** What the inventory answers to an order's messages; in `event-driven`, also that the stock is settled. */
export const replySignal = defineSignal<[Announcement]>(signals.reply);

/** What the order service has on record, in `event-driven`: the decision. */
export const recordedSignal = defineSignal<[OrderOutcome]>(signals.recorded);

/** To an order that waits for the inventory: what it last said was not kept, so it shall say it again. */
export const sayAgainSignal = defineSignal(signals.sayAgain);

/** Steps of an order that are stuck, which its workflow can't see by itself: only for people to read. */
export const stuckStepsSignal = defineSignal<[readonly OwnStuckStep[]]>(signals.stuckSteps);

/** A message for the inventory, to one of its mailboxes. */
export const messageSignal = defineSignal<[Announcement]>(signals.message);

/** The id of an order whose outbox has something to publish, to a relay. */
export const wakeSignal = defineSignal<[string]>(signals.wake);

export type { WaitingView };

/** What waits in a mailbox or relay, and why what has failed did. */
export const waitingQuery = defineQuery<WaitingView[]>(queries.waiting);

/** Tries what waits for this order now, in a mailbox or relay. */
export const tryNowSignal = defineSignal<[string]>('tryNow');
