/**
 * How services are kept consistent; each strategy keeps the same invariants, through the same participants:
 *
 * - `two-phase`: the order's workflow coordinates; both services prepare, and then both commit or both roll back.
 * - `message-queue`: the order service sends the inventory messages, by a durable mailbox, and waits for its replies.
 * - `event-driven`: nobody coordinates; each service publishes what has happened, and reacts to what others publish.
 */
export const strategies = ['two-phase', 'message-queue', 'event-driven'] as const;

export type Strategy = (typeof strategies)[number];

export const DEFAULT_STRATEGY: Strategy = 'two-phase';
