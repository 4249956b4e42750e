import { setTimeout as delay } from 'node:timers/promises';
import type { Concord } from '../../client/concord.ts';
import type { Order } from '../../domain/order.ts';
import { type Strategy, strategies } from '../../domain/strategies.ts';
import type { Told } from '../measure/checker.ts';
import { insist } from '../measure/load-generator.ts';
import { fillShelves } from '../measure/shelves.ts';
import type { Stage } from '../measure/stage.ts';
import { type Fault, faultNames, type Tell } from './parts.ts';
import { type Reading, startReader } from './reader.ts';

// Milliseconds: after a fault every step is tried again within a minute.
const QUIET_LIMIT = 150_000;
// When a process manager would start a worker again.
const RESTART_DELAY = 500;

/** Brings each of these faults about for each strategy, while orders come in; the strategies take turns. */
export async function measureFaults(stage: Stage, faults: readonly Fault[], seconds: number, tell: Tell) {
  const found: Awaited<ReturnType<typeof measureFault>>[] = [];
  const strikes = strikesOn(stage, seconds * 1_000);
  for (const fault of faults) {
    const strike = strikes[fault];
    if (strike === undefined) continue;
    for (const strategy of strategies) {
      tell(`${faultNames[fault]}: ${strategy}`);
      found.push(await measureFault(stage, { fault, strategy, seconds }, strike));
    }
  }
  const reason = 'the server is your own; unset TEMPORAL_ADDRESS to have one started';
  return {
    figures: found.map(({ figures }) => figures),
    skipped: faults.filter((fault) => strikes[fault] === undefined).map((fault) => ({ fault, reason })),
    told: found.flatMap(({ told }) => told),
    violations: found.flatMap(({ violations }) => violations),
  };
}

/** Each brings its fault about, and resolves when all works again. */
function strikesOn({ workers, temporal }: Stage, downFor: number) {
  const outage = (worker: (typeof workers)['orders'], milliseconds: number) => async () => {
    await worker.kill();
    await delay(milliseconds);
    await worker.start();
  };
  return {
    'inventory-down': outage(workers.inventory, downFor),
    'order-service-down': outage(workers.orders, downFor),
    'temporal-restarted': temporal?.restart,
    'worker-killed': outage(workers.orders, RESTART_DELAY),
  } satisfies Record<Fault, (() => Promise<void>) | undefined>;
}

export type FaultFigures = Awaited<ReturnType<typeof measureFault>>['figures'];

async function measureFault(
  { concord, databases }: Stage,
  { fault, strategy, seconds }: { fault: Fault; strategy: Strategy; seconds: number },
  strike: () => Promise<void>,
) {
  const calm = Math.min(5, Math.max(2, seconds / 6)) * 1_000;
  const prefix = `${strategy}.${fault}`;
  const { skus, nextOrder } = await fillShelves(concord, { prefix, count: 10, lines: 2 });
  const stream = startStream(concord, strategy, () => nextOrder('spread'));
  const start = Date.now();
  const sent = () => stream.orders.map(({ order }) => order.orderId);
  const open = () => stream.orders.filter(({ finalAt }) => finalAt === undefined).length;
  const reader = startReader({ databases, skus, sent, open });
  await delay(calm);
  const began = Date.now();
  await strike();
  const ended = Date.now();
  await delay(calm);
  stream.stop();
  await stream.untilFinal(QUIET_LIMIT);
  const { seen, samples, decidedAt, violations } = await reader.stop();
  const figures = {
    ...{ strategy, fault, seen, samples },
    ...outcomeOf(stream.orders, { decidedAt }, { began, ended }),
    /** Until what was down works again; the others count from the first order, as the samples do. */
    seconds: (ended - began) / 1_000,
    began: (began - start) / 1_000,
    ended: (ended - start) / 1_000,
  };
  return { figures, told: stream.told, violations };
}

/** Counts what became of the orders that were sent while the fault lasted, and of all that were sent by its end. */
export function outcomeOf(
  orders: readonly StreamedOrder[],
  { decidedAt }: Pick<Reading, 'decidedAt'>,
  { began, ended }: { readonly began: number; readonly ended: number },
) {
  const inTime = (at: number | undefined) => at !== undefined && at <= ended;
  const sentByItsEnd = orders.filter(({ sentAt }) => sentAt <= ended);
  const sentDuring = sentByItsEnd.filter(({ sentAt }) => sentAt >= began);
  const last = Math.max(ended, ...sentByItsEnd.map(({ finalAt = Number.POSITIVE_INFINITY }) => finalAt));
  return {
    sent: orders.length,
    /** While the fault lasted, and what became of them before its end. */
    offered: sentDuring.length,
    accepted: sentDuring.filter(({ acceptedAt }) => inTime(acceptedAt)).length,
    decided: sentDuring.filter(({ order }) => inTime(decidedAt.get(order.orderId))).length,
    /** Seconds from its end until all orders that were sent before it were final; null if some never were. */
    finalAfter: Number.isFinite(last) ? (last - ended) / 1_000 : null,
  };
}

/** Milliseconds since 1970; a time is absent until it has come. */
export interface StreamedOrder {
  readonly order: Order;
  readonly sentAt: number;
  acceptedAt?: number;
  finalAt?: number;
}

/** Orders a second: so few that each strategy keeps up with them, and so many that a fault meets some. */
const RATE = 4;

function startStream(concord: Concord, strategy: Strategy, nextOrder: () => Order) {
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
