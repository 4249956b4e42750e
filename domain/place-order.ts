import { z } from 'zod';
import { type Order, type OrderOutcome, parseOrder } from './order.ts';
import { DEFAULT_PREPARE_BUDGET, MAXIMUM_PREPARE_BUDGET } from './policies.ts';
import { DEFAULT_STRATEGY, type Strategy, strategies } from './strategies.ts';
import { oneOf, parse, wholeNumber, whyText } from './validation.ts';

/** The input of a `placeOrder` workflow. */
export interface PlaceOrderInput {
  readonly order: Order;
  /** How long participants may take to prepare, in milliseconds: 1,000 to 30 days, 10 minutes by default. */
  readonly prepareBudget?: number;
  /** How the services are kept consistent; `two-phase` by default. */
  readonly strategy?: Strategy;
}

export type Phase = 'preparing' | 'committing' | 'rolling-back' | 'final';

/** It is on its way in a phase of the order, or has answered. */
export type ParticipantState = Exclude<Phase, 'final'> | 'prepared' | 'refused' | 'committed' | 'rolled-back';

/** Where an order stands, as its coordinator sees it. */
export interface OrderProgress extends Order {
  readonly phase: Phase;
  readonly participants: Readonly<Record<string, ParticipantState>>;
  /** Present from the decision on, and never changed after it. */
  readonly decision?: OrderOutcome;
}

/** `reason`: why, in the customer's words, at most 200 characters. */
export type CancelRequest = { readonly reason: string };

const BUDGET_FIX = `use 1000 to ${MAXIMUM_PREPARE_BUDGET} milliseconds`;

const inputSchema = z.strictObject({
  order: z.unknown(),
  prepareBudget: wholeNumber(1_000, MAXIMUM_PREPARE_BUDGET, BUDGET_FIX).default(DEFAULT_PREPARE_BUDGET),
  strategy: oneOf(strategies).default(DEFAULT_STRATEGY),
});

const cancelSchema = z.strictObject({ reason: whyText() });

export function parsePlaceOrderInput(input: unknown): Required<PlaceOrderInput> {
  const { order, ...options } = parse(inputSchema, input);
  return { order: parseOrder(order), ...options };
}

export const parseCancelRequest = (input: unknown): CancelRequest => parse(cancelSchema, input);

/** The order id is the idempotency key, and so the workflow's id: one order, one coordinator. */
export const workflowIdOf = (orderId: string): string => `order/${orderId}`;
