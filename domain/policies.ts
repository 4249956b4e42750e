/**
 * Every timeout and retry in one table, with the reason for each figure. Milliseconds.
 *
 * An attempt is given `attempt` ms before Temporal starts another; the next attempt waits `firstRetry` ms, twice as
 * long each time, but never longer than `longestRetry`.
 */
export const policies = {
  prepare: {
    // 100 lines take well under a second; ten are room for a slow database, and how soon a killed worker is noticed.
    attempt: 10_000,
    // The server's timers are no finer than about a second, so a shorter first wait would gain nothing.
    firstRetry: 500,
    // A customer waits: a service that is back should be noticed within half a minute.
    longestRetry: 30_000,
  },
  settle: {
    attempt: 10_000,
    firstRetry: 500,
    // The decision is final and nobody can be asked, so it is retried without limit, but without hammering a broken service.
    longestRetry: 60_000,
  },
  read: {
    // A person looks at a terminal: better to fail soon and say why.
    attempt: 5_000,
    firstRetry: 500,
    longestRetry: 2_000,
  },
  sweep: {
    // Asks Temporal about each old hold, some milliseconds each; the next sweep is never far.
    attempt: 60_000,
    firstRetry: 1_000,
    longestRetry: 10_000,
  },
} as const;

/**
 * How often the worker that handles a batch must say that it lives: whatever waits behind the batch of a worker that was
 * killed would otherwise wait a whole attempt. Milliseconds.
 */
export const BATCH_HEARTBEAT = 4_000;

/** How long participants may take to prepare, retries included, before their vote counts as no. Milliseconds. */
export const DEFAULT_PREPARE_BUDGET = 10 * 60_000;

/** The longest prepare budget that an order may ask for: stock must not be held for ever. Milliseconds. */
export const MAXIMUM_PREPARE_BUDGET = 30 * 24 * 60 * 60_000;

/**
 * How long a database may take to carry out a hold once it has begun it: it compares the attempt's deadline with its clock
 * at the beginning, and waits for locks, tickets or a shard after that. Half an attempt, so that a slow one is tried again.
 * Milliseconds.
 */
export const HOLD_WRITE_LIMIT = 5_000;

/**
 * How much longer than an attempt and its last write a tombstone lives, for the difference between the clocks of a
 * database's members: two pairs of them count, so each may differ by half of it. Both ends are read from the database,
 * never from a worker. Milliseconds.
 */
export const TOMBSTONE_MARGIN = 20_000;

/** How long a read (`stock`, `list`) may take in all before the service counts as not answering. Milliseconds. */
export const READ_BUDGET = 10_000;

/** How often the reaper looks for holds that nobody will settle. Milliseconds. */
export const REAP_INTERVAL = 60_000;

/**
 * How old a hold is before the reaper asks about it: longer than the usual prepare budget, so that it seldom asks
 * about a living order (which it would leave alone). Milliseconds.
 */
export const HOLD_LIMIT = DEFAULT_PREPARE_BUDGET + 5 * 60_000;

/**
 * How long a sweep may go on, retries included: less than three intervals, so that after one that hangs another has begun
 * before an alert says that none has succeeded. Milliseconds.
 */
export const SWEEP_BUDGET = 2 * 60_000;

/** How long an attempt of a sweep asks about orders: what is left of it is for the databases. Milliseconds. */
export const SWEEP_TIME = policies.sweep.attempt - 15_000;

/** How long a sweep waits for what it asks about one order; most answers take milliseconds. Milliseconds. */
export const QUESTION_LIMIT = 5_000;

/** How often somebody looks for orders with stuck steps, to tell them which. Milliseconds. */
export const WATCH_INTERVAL = 60_000;

/**
 * When an order that waits for an answer says again what it has told: what was handed over is durable, so this is only for
 * what an operator has ended. Doubled each time. Milliseconds.
 */
export const RESEND = { first: 60_000, longest: 60 * 60_000 } as const;
