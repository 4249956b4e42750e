/**
 * Every timeout and retry of an activity, with the reason for each figure. All are milliseconds.
 * Temporal starts another attempt after `attempt` ms. The next attempt waits `firstRetry` ms, twice as long each time,
 * but never longer than `longestRetry`. Of what waits for a worker, the lowest `priority` goes first (1 to 5).
 */
export const policies = {
  prepare: {
    // 100 lines take well under a second; ten are room for a slow database, and how soon a killed worker is noticed.
    attempt: 10_000,
    // The server's timers are no finer than about a second, so a shorter first wait would gain nothing.
    firstRetry: 500,
    // A customer waits: a service that is back should be noticed within half a minute.
    longestRetry: 30_000,
    // Temporal's default, which an order's workflow has as well.
    priority: { priorityKey: 3 },
  },
  settle: {
    attempt: 10_000,
    firstRetry: 500,
    // The decision is final, so it is told without limit, but without hammering a broken service.
    longestRetry: 60_000,
    // An order that is begun ends before another one begins: fewer hold stock, and most are decided sooner.
    priority: { priorityKey: 2 },
  },
  read: {
    // A person looks at a terminal: better to fail soon and say why.
    attempt: 5_000,
    firstRetry: 500,
    longestRetry: 2_000,
    // Orders are what this is for: a crowd that only looks must not keep them waiting.
    priority: { priorityKey: 4 },
  },
  sweep: {
    // Asks Temporal about each old hold, some milliseconds each; the next sweep is never far.
    attempt: 60_000,
    firstRetry: 1_000,
    longestRetry: 10_000,
    priority: { priorityKey: 5 },
  },
} as const;

/** How often a worker with a batch or a sweep must say that it lives: the next one waits until its death is noticed. */
export const HEARTBEAT_TIMEOUT = 4_000;

/** How long participants may take to prepare, retries included, before their vote counts as no. */
export const DEFAULT_PREPARE_BUDGET = 10 * 60_000;

/** The longest prepare budget that an order may ask for: stock must not be held for ever. */
export const MAXIMUM_PREPARE_BUDGET = 30 * 24 * 60 * 60_000;

/**
 * How long a database may take to carry out a hold. It compares the attempt's deadline with its clock when it begins,
 * and waits for locks, tickets or a shard after that. Half an attempt, so that a slow one is tried again.
 */
export const HOLD_WRITE_LIMIT = 5_000;

/**
 * How much longer than an attempt and its last write a tombstone lives, because the clocks of a database's members
 * differ: two pairs of them count, so each may differ by half of it. No worker's clock counts.
 */
export const TOMBSTONE_MARGIN = 20_000;

/** How long a read (`stock`, `list`) may take in all before the service counts as not answering. */
export const READ_BUDGET = 10_000;

/** How often the reaper looks for holds that nobody will settle. */
export const REAP_INTERVAL = 60_000;

/** How old a hold is before the reaper asks about it: older than orders usually get, so that it seldom asks in vain. */
export const HOLD_LIMIT = DEFAULT_PREPARE_BUDGET + 5 * 60_000;

/** How long a sweep may go on, retries included: if one hangs, the next begins before the alert, at three intervals. */
export const SWEEP_BUDGET = 2 * 60_000;

/** How long an attempt of a sweep asks about orders; the rest of it is for the databases. */
export const SWEEP_TIME = policies.sweep.attempt - 15_000;

/** How long a sweep waits for an answer about one order; most take some milliseconds. */
export const QUESTION_LIMIT = 5_000;

/** Only a worker answers a query; without one, the rest is still worth showing. */
export const QUERY_TIMEOUT = 3_000;

/** How often `watchOrders` looks for orders with stuck steps. */
export const WATCH_INTERVAL = 60_000;

/** When an order repeats a message without answer, doubled each time: only an ended mailbox can have lost it. */
export const RESEND = { first: 60_000, longest: 60 * 60_000 } as const;
