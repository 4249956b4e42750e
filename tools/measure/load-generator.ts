import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import pMap from 'p-map';
import pRetry from 'p-retry';
import type { Concord } from '../../client/concord.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { FinalStatus, Order, OrderOutcome } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import type { Told } from './checker.ts';

export interface Placing {
  untilFinal(order: Order): Promise<FinalStatus>;
  /** Asks for the decision first, and calls `decided` as soon as it is known. */
  withDecision(order: Order, decided: () => void): Promise<FinalStatus>;
}

/** Places orders as a customer of Concord does, who asks until there is an answer. */
export function placingBy(concord: Concord, strategy: Strategy): Placing {
  const handleOf = ({ orderId }: Order) => concord.client.workflow.getHandle(workflowIdOf(orderId));
  return {
    async untilFinal(order) {
      return (await insist(() => concord.place(order, { strategy }))).status as FinalStatus;
    },
    async withDecision(order, decided) {
      await insist(() => concord.place(order, { wait: 'decided', strategy }));
      decided();
      return ((await insist(() => handleOf(order).result())) as OrderOutcome).status;
    },
  };
}

/** An order that was placed. Milliseconds from when the customer sent it. */
export interface Placed extends Told {
  /** Absent if nobody asked for the decision. */
  readonly decided?: number;
  readonly final: number;
}

/** `elapsed`: milliseconds of all of it. */
export type Load = Awaited<ReturnType<typeof closedLoop>>;

/** Has `atOnce` customers, each of whom places the next order when one is done. */
export async function closedLoop(
  placing: Placing,
  orders: readonly Order[],
  { atOnce, asks }: { readonly atOnce: number; readonly asks: boolean },
) {
  const began = performance.now();
  const serve = (order: Order) => place(placing, order, performance.now(), asks);
  const placed = await pMap(orders, serve, { concurrency: atOnce });
  return { placed, elapsed: performance.now() - began };
}

/** An order's time counts from when its customer was due, served late or not (Tene, How NOT to Measure Latency). */
export async function openLoop(placing: Placing, orders: readonly Order[], rate: number): Promise<Load> {
  const began = performance.now();
  const placed = await Promise.all(
    orders.map(async (order, index) => {
      const due = began + (index * 1_000) / rate;
      await delay(Math.max(0, due - performance.now()));
      return place(placing, order, due, true);
    }),
  );
  return { placed, elapsed: performance.now() - began };
}

async function place(placing: Placing, order: Order, sent: number, asks: boolean): Promise<Placed> {
  if (!asks) return { order, status: await placing.untilFinal(order), final: performance.now() - sent };
  let decided = Number.NaN;
  const status = await placing.withDecision(order, () => {
    decided = performance.now() - sent;
  });
  return { order, status, decided, final: performance.now() - sent };
}

interface Patience {
  /** Ends the asking, with the last error. */
  readonly isOver?: () => boolean;
  /** The longest from one attempt to the next, in milliseconds. */
  readonly longest?: number;
  readonly onFailure?: (error: Error) => void;
}

/** Asks until there is an answer, be it a refusal, as a customer does: placing an order again joins the first. */
export function insist<Answer>(
  ask: () => Promise<Answer>,
  { isOver = () => false, longest = 1_000, onFailure = () => {} }: Patience = {},
): Promise<Answer> {
  return pRetry(ask, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 200,
    maxTimeout: longest,
    // An answer would not change.
    shouldRetry: ({ error }) =>
      !(isOver() || error instanceof WorkflowFailedError) &&
      !(error instanceof ConcordError && error.kind !== 'unreachable'),
    onFailedAttempt: ({ error }) => onFailure(error),
  });
}
