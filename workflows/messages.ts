import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { Order, OrderOutcome } from '../domain/order.ts';
import type { CancelRequest, OrderProgress } from '../domain/place-order.ts';

/** Where the order stands: phase, lines, each participant's state, the decision once there is one. */
export const statusQuery = defineQuery<OrderProgress>('status');

/**
 * Cancels the order, and returns once that is decided. Rejected with `TooLate` after the decision, and with
 * `InvalidInput` where the request is malformed.
 */
export const cancelUpdate = defineUpdate<OrderOutcome, [CancelRequest]>('cancel');

/**
 * Returns the decision as soon as there is one, while participants are still being told. The order in the argument
 * must be this one: otherwise it is rejected with `OrderIdTaken`.
 */
export const decisionUpdate = defineUpdate<OrderOutcome, [Order]>('decision');
