import { z } from 'zod';
import { defined } from './defined.ts';
import { parse } from './validation.ts';

/** A step of an order that is stuck: it fails, or nobody takes it. Times are ISO 8601. */
export interface StuckStep {
  /** The order; `stock/<SKU>` if a damaged stock document names none; `mailbox/<number>` if that itself is stuck. */
  readonly orderId: string;
  /** `order/<id>`, `resolve/<id>`, the mailbox of a message or event, or the sweep that skips it. */
  readonly workflowId: string;
  /**
   * `retrying`: its step fails; `waiting`: no worker has taken it, or none has answered; `broken`: its workflow code
   * fails, as after a change that its history doesn't fit; `stopped`: its workflow has ended without an outcome;
   * `skipped`: its record, its stock or its workflow is damaged, and is left alone until it is repaired.
   */
  readonly problem: 'retrying' | 'waiting' | 'broken' | 'stopped' | 'skipped';
  /** The activity, such as `inventory.commit`; what waits in a mailbox, such as `SellStock to inventory`; or `workflow`. */
  readonly step: string;
  readonly attempts: number;
  readonly lastError: string;
  readonly since: string;
  readonly nextAttemptAt?: string;
}

/** A stuck step as its order is told of it; what waits is named with its place: `mailbox/1 SellStock to inventory`. */
export type OwnStuckStep = Omit<StuckStep, 'orderId' | 'workflowId' | 'problem'>;

const limitsSchema = z.strictObject({
  failures: z.int('use a whole number').min(0, 'use 0 or more').default(5),
  longerThan: z.int('use whole milliseconds').min(0, 'use 0 or more').default(60_000),
});

/** A step is stuck if it has failed more often than `failures`, or has waited longer than `longerThan` milliseconds. */
export type StuckLimits = Readonly<z.output<typeof limitsSchema>>;

export const parseStuckOptions = (input: unknown): StuckLimits => parse(limitsSchema, input);

const ownStepSchema = z.strictObject({
  step: z.string().min(1).max(200),
  attempts: z.int().min(0),
  // An error's text that is too long is cut rather than refused.
  lastError: z.string().transform((text) => text.slice(0, 500)),
  since: z.iso.datetime(),
  nextAttemptAt: z.iso.datetime().optional(),
});
const ownStepsSchema = z.array(ownStepSchema).min(1).max(10);

export function parseOwnStuckSteps(input: unknown): OwnStuckStep[] {
  return parse(ownStepsSchema, input, 'steps').map((step) => defined(step));
}
