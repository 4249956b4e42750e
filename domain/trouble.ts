import { z } from 'zod';
import { parse } from './validation.ts';

/** A step of an order that doesn't get on, as somebody has seen it who can see attempts. Times are ISO 8601. */
export interface Trouble {
  /** The activity, such as `inventory.commit`; or where a message waits, such as `mailbox/1 SellStock`. */
  readonly step: string;
  /** How often it has failed; 0 where nobody has taken it. */
  readonly attempts: number;
  readonly lastError: string;
  /** Since when it is to be done. */
  readonly since: string;
  readonly nextAttemptAt?: string;
}

/** From when on an order's step counts as one that doesn't get on. */
export interface StuckLimits {
  /** It has failed more often than this. */
  readonly failures: number;
  /** It has been waiting or retried for more milliseconds than this. */
  readonly longerThan: number;
}

const limitsSchema = z.strictObject({
  failures: z.int('use a whole number').min(0, 'use 0 or more').default(5),
  longerThan: z.int('use whole milliseconds').min(0, 'use 0 or more').default(60_000),
});

/** @throws ConcordError `InvalidInput`, naming each field and the fix. */
export function parseStuckOptions(input: unknown): StuckLimits {
  return parse(limitsSchema, input);
}

const time = z.iso.datetime();

const troublesSchema = z
  .array(
    z.strictObject({
      step: z.string().min(1).max(200),
      attempts: z.int().min(0),
      // What is too long is cut rather than refused: it is an error's text.
      lastError: z.string().transform((text) => text.slice(0, 500)),
      since: time,
      nextAttemptAt: time.optional(),
    }),
  )
  .min(1)
  .max(10);

/** @throws ConcordError `InvalidInput`, naming each field and the fix. */
export function parseTroubles(input: unknown): Trouble[] {
  return parse(troublesSchema, input, 'troubles').map(({ nextAttemptAt, ...trouble }) => ({
    ...trouble,
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
  }));
}
