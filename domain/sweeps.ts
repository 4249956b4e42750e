import { z } from 'zod';
import { parse } from './validation.ts';

const skippedSchema = z.object({
  /** The order; or what is damaged if no order is named, such as `stock/GRINDER`. No order id has a slash. */
  orderId: z.string(),
  problem: z.string(),
});
const sweepSchema = z.object({ skipped: z.array(skippedSchema).default([]) });

/** Something damaged that a sweep leaves alone, so that it goes on with all others. */
export type Skipped = Readonly<z.output<typeof skippedSchema>>;

/** Returns what a sweep has left alone. @throws ConcordError `InvalidInput` if `result` is no sweep's. */
export const parseSkipped = (result: unknown): readonly Skipped[] => parse(sweepSchema, result).skipped;

/** Returns the error's text, cut off: an error may repeat its subject, which may be huge. */
export function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, 500);
  // Temporal's client says only that a call has failed; the reason is in the cause.
  const because = error.cause instanceof Error ? ` (${problemOf(error.cause)})` : '';
  return `${error.message}${because}`.slice(0, 500);
}
