import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { type Strategy, strategies } from '../../domain/strategies.ts';
import type { Told } from '../measure/checker.ts';
import type { CommandCounts } from '../measure/command-counts.ts';
import type { Stage } from '../measure/stage.ts';
import { insist } from './insist.ts';
import {
  type CompareOptions,
  type Demand,
  demands,
  type Load,
  loads,
  type PerformanceFigures,
} from './result.ts';
import { fillShelves, type Shelves } from './shelves.ts';
import { latencyOf, spreadOf } from './statistics.ts';

/** One round of one measurement. */
export interface Run {
  readonly strategy: Strategy;
  readonly load: Load;
  readonly demand: Demand;
  readonly atOnce: number;
  readonly orders: readonly MeasuredOrder[];
  /** From the first order until the last one was final, in milliseconds. */
  readonly elapsed: number;
  /** When it began, and when nothing of it was under way any more; milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
  readonly commands: CommandCounts;
}

/** Milliseconds from when the customer sent the order. */
export interface MeasuredOrder extends Told {
  readonly decided: number;
  readonly final: number;
}

const AT_ONCE = { low: 2, saturation: 100 } as const satisfies Record<Load, number>;
/** At low load an order takes as long however many come after it. */
const SHARE_AT_LOW_LOAD = 0.2;
const WARM_UP = 40;
const SHELVES = 40;

/** Measures every strategy under each load and demand; they take turns, so whatever else the machine does hits all alike. */
export async function measurePerformance(
  stage: Stage,
  options: Pick<CompareOptions, 'orders' | 'rounds'>,
  tell: (text: string) => void,
): Promise<Run[]> {
  tell('filling the shelves, and warming up');
  const shelves = new Map<Strategy, Shelves>();
  for (const strategy of strategies) {
    shelves.set(
      strategy,
      await fillShelves(stage.concord, { strategy, purpose: 'performance', count: SHELVES }),
    );
  }
  const runs: Run[] = [];
  const turns = async (load: Load, demand: Demand, orders: number) => {
    for (const [strategy, own] of shelves) {
      runs.push(await measureRun(stage, { strategy, load, demand, orders }, own));
    }
  };
  await turns('saturation', 'spread', Math.min(WARM_UP, options.orders));
  await turns('saturation', 'hot', Math.min(WARM_UP, options.orders));
  const warmUps = runs.length;
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const demand of demands) {
      for (const load of loads) {
        tell(`round ${round} of ${options.rounds}: ${demand} demand, load ${load}`);
        const share = load === 'low' ? SHARE_AT_LOW_LOAD : 1;
        await turns(load, demand, Math.ceil(options.orders * share));
      }
    }
  }
  return runs.slice(warmUps);
}

/** Each measurement over all its rounds. */
export function performanceOf(runs: readonly Run[]): PerformanceFigures[] {
  return groupsOf(runs).map((rounds) => {
    const [{ strategy, load, demand, orders, atOnce }] = rounds;
    const times = (of: 'decided' | 'final') =>
      latencyOf(rounds.map((round) => round.orders.map((order) => order[of])));
    return {
      ...{ strategy, load, demand, atOnce },
      orders: orders.length,
      throughput: spreadOf(rounds.map((round) => round.orders.length / (round.elapsed / 1_000))),
      decided: times('decided'),
      final: times('final'),
    };
  });
}

/** The rounds of each measurement, in the order in which they are shown. */
export function groupsOf(runs: readonly Run[]): [Run, ...Run[]][] {
  const keys = demands.flatMap((demand) =>
    loads.flatMap((load) => strategies.map((strategy) => ({ demand, load, strategy }))),
  );
  return keys.flatMap(({ demand, load, strategy }) => {
    const [first, ...others] = runs.filter(
      (run) => run.demand === demand && run.load === load && run.strategy === strategy,
    );
    return first === undefined ? [] : [[first, ...others]];
  });
}

async function measureRun(
  stage: Stage,
  { orders: count, ...kind }: Pick<Run, 'strategy' | 'load' | 'demand'> & { readonly orders: number },
  shelves: Shelves,
): Promise<Run> {
  const before = await countsAtRest(stage);
  const atOnce = Math.min(AT_ONCE[kind.load], count);
  const toPlace = Array.from({ length: count }, () => shelves.nextOrder(kind.demand));
  const began = Date.now();
  const startedAt = performance.now();
  const orders = await pMap(toPlace, (order) => place(stage, order, kind.strategy), { concurrency: atOnce });
  const elapsed = performance.now() - startedAt;
  const after = await countsAtRest(stage);
  const commands = { writes: after.writes - before.writes, reads: after.reads - before.reads };
  return { ...kind, atOnce, orders, elapsed, began, ended: Date.now(), commands };
}

/** As a customer who waits for the decision and is then told when all is done. */
async function place({ concord }: Stage, order: Order, strategy: Strategy): Promise<MeasuredOrder> {
  const sent = performance.now();
  await insist(() => concord.place(order, { wait: 'decided', strategy }));
  const decided = performance.now() - sent;
  const handle = concord.client.workflow.getHandle(workflowIdOf(order.orderId));
  const { status } = (await insist(() => handle.result())) as OrderOutcome;
  return { order, status, decided, final: performance.now() - sent };
}

/** What both workers have sent so far; what follows an order that is final, such as emptying an outbox, included. */
export async function countsAtRest({ workers }: Pick<Stage, 'workers'>): Promise<CommandCounts> {
  let last = -1;
  for (;;) {
    const [orders, inventory] = await Promise.all([workers.orders.counts(), workers.inventory.counts()]);
    const counts = { writes: orders.writes + inventory.writes, reads: orders.reads + inventory.reads };
    if (counts.writes + counts.reads === last) return counts;
    last = counts.writes + counts.reads;
    await delay(REST);
  }
}

// Longer than one activity takes. Milliseconds.
const REST = 250;
