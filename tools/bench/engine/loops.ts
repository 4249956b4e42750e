import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';
import type { Order } from '../../../domain/order.ts';
import type { Placing } from './subjects.ts';

/** Milliseconds of each order, and of all. */
export interface Times {
  /** Empty where nobody asked for the decision. */
  readonly decided: readonly number[];
  readonly final: readonly number[];
  readonly elapsed: number;
}

/** So many customers, each of whom places the next order when one is done. */
export async function closedLoop(
  placing: Placing,
  orders: readonly Order[],
  { atOnce, asks }: { readonly atOnce: number; readonly asks: boolean },
): Promise<Times> {
  const began = performance.now();
  const decided: number[] = [];
  const final = await pMap(
    orders,
    async (order) => {
      const sent = performance.now();
      if (asks) await placing.withDecision(order, () => decided.push(performance.now() - sent));
      else await placing.untilFinal(order);
      return performance.now() - sent;
    },
    { concurrency: atOnce },
  );
  return { decided, final, elapsed: performance.now() - began };
}

/**
 * Customers who come at a fixed rate, whatever becomes of those before. An order's time counts from when its customer was
 * due, so one who could not even be served in time is not left out of the figures.
 *
 * Source: Tene, How NOT to Measure Latency (coordinated omission).
 *
 * @param rate Orders a second.
 */
export async function openLoop(placing: Placing, orders: readonly Order[], rate: number): Promise<Times> {
  const began = performance.now();
  const decided: number[] = [];
  const final = await Promise.all(
    orders.map(async (order, index) => {
      const due = began + (index * 1_000) / rate;
      await delay(Math.max(0, due - performance.now()));
      await placing.withDecision(order, () => decided.push(performance.now() - due));
      return performance.now() - due;
    }),
  );
  return { decided, final, elapsed: performance.now() - began };
}
