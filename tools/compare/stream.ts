import { setTimeout as delay } from 'node:timers/promises';
import type { Concord } from '../../client/concord.ts';
import type { Order } from '../../domain/order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import type { Told } from '../measure/checker.ts';
import { insist } from '../measure/load-generator.ts';

/** Milliseconds since 1970; a time is absent until it has come. */
export interface StreamedOrder {
  readonly order: Order;
  readonly sentAt: number;
  acceptedAt?: number;
  finalAt?: number;
}

/** Orders a second: so few that each strategy keeps up with them, and so many that a fault meets some. */
const RATE = 4;

/** Sends new orders at a fixed rate, whatever becomes of those before. */
export function startStream(concord: Concord, strategy: Strategy, nextOrder: () => Order) {
  const orders: StreamedOrder[] = [];
  const told: Told[] = [];
  const ends: Promise<void>[] = [];
  let isOver = false;

  const serve = async (streamed: StreamedOrder) => {
    const { order } = streamed;
    const patience = { isOver: () => isOver };
    await insist(() => concord.place(order, { wait: 'accepted', strategy }), patience);
    streamed.acceptedAt = Date.now();
    const { status } = await insist(() => concord.place(order, { strategy }), patience);
    streamed.finalAt = Date.now();
    if (status !== 'pending') told.push({ order, status });
  };
  const timer = setInterval(() => {
    const streamed = { order: nextOrder(), sentAt: Date.now() };
    orders.push(streamed);
    // The checker finds an order that is not final in the end.
    ends.push(serve(streamed).catch(() => {}));
  }, 1_000 / RATE);

  return {
    orders,
    told,
    stop: () => clearInterval(timer),
    /** Resolves when all are final, or after so many milliseconds. */
    async untilFinal(limit: number) {
      await Promise.race([Promise.all(ends), delay(limit)]);
      isOver = true;
    },
  };
}
