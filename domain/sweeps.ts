import { z } from 'zod';
import { parse } from './validation.ts';

/** Something that a sweep could not make sense of: it is left alone, so that the sweep goes on with all others. */
export interface Skipped {
  /** The order; or what was found where no order is named, such as `stock/GRINDER`. A slash is in no order id. */
  readonly orderId: string;
  readonly problem: string;
}

const skippedSchema = z.object({
  skipped: z.array(z.object({ orderId: z.string(), problem: z.string() })).default([]),
});

/** What a sweep says that it has left alone. @throws ConcordError `InvalidInput` where it is no sweep's result. */
export function parseSkipped(result: unknown): readonly Skipped[] {
  return parse(skippedSchema, result).skipped;
}

/** What is wrong, short enough to be handed on: an error may repeat what it was about, and that may be huge. */
export function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, LONGEST_PROBLEM);
  // Temporal's client says only that a call has failed; why is in the cause.
  const because = error.cause instanceof Error ? ` (${problemOf(error.cause)})` : '';
  return `${error.message}${because}`.slice(0, LONGEST_PROBLEM);
}

const LONGEST_PROBLEM = 500;
