import { type Strategy, strategies } from '../../domain/strategies.ts';
import type { CommandCounts } from '../measure/command-counts.ts';
import { closedLoop, type Load, placingBy } from '../measure/load-generator.ts';
import { type Demand, fillShelves, type Shelves } from '../measure/shelves.ts';
import type { Stage } from '../measure/stage.ts';
import { groupsOf, latencyOf, spreadOf } from '../measure/statistics.ts';
import { countsAtRest } from '../measure/usage.ts';
import { type CompareOptions, demands, type LoadName, loads, type Tell } from './parts.ts';

export interface Run extends Load {
  readonly strategy: Strategy;
  readonly load: LoadName;
  readonly demand: Demand;
  readonly atOnce: number;
  /** From its begin until nothing of it was under way any more; milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
  readonly commands: CommandCounts;
}

const AT_ONCE = { low: 2, saturation: 100 } as const satisfies Record<LoadName, number>;
/** At low load an order takes as long however many come after it. */
const SHARE_AT_LOW_LOAD = 0.2;
const WARM_UP = 40;

/** Measures every strategy under each load and demand, in turns, so that the machine's other work slows all alike. */
export async function measurePerformance(
  stage: Stage,
  options: Pick<CompareOptions, 'orders' | 'rounds'>,
  tell: Tell,
): Promise<Run[]> {
  tell('filling the shelves, and warming up');
  const shelves = new Map<Strategy, Shelves>();
  for (const strategy of strategies) {
    const prefix = `${strategy}.performance`;
    shelves.set(strategy, await fillShelves(stage.concord, { prefix, count: 40, lines: 2 }));
  }
  const runs: Run[] = [];
  const turns = async (load: LoadName, demand: Demand, orders: number) => {
    for (const [strategy, own] of shelves) {
      runs.push(await measureRun(stage, { strategy, load, demand }, orders, own));
    }
  };
  for (const demand of demands) await turns('saturation', demand, Math.min(WARM_UP, options.orders));
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

export type PerformanceFigures = ReturnType<typeof performanceOf>[number];

export function performanceOf(runs: readonly Run[]) {
  return roundsOf(runs).map((rounds) => {
    const [{ strategy, load, demand, placed, atOnce }] = rounds;
    return {
      ...{ strategy, load, demand, orders: placed.length, atOnce },
      /** Orders a second that became final. */
      throughput: spreadOf(rounds.map((run) => run.placed.length / (run.elapsed / 1_000))),
      /** Until the customer knows the decision, and until every service has recorded it. */
      decided: latencyOf(rounds.map((run) => run.placed.flatMap(({ decided }) => decided ?? []))),
      final: latencyOf(rounds.map((run) => run.placed.map(({ final }) => final))),
    };
  });
}

/** The rounds of each measurement, in the order in which they are shown. */
export const roundsOf = (runs: readonly Run[]) =>
  groupsOf(runs, ({ demand, load, strategy }) => `${demand} ${load} ${strategy}`);

type Kind = Pick<Run, 'strategy' | 'load' | 'demand'>;

async function measureRun(stage: Stage, kind: Kind, count: number, shelves: Shelves): Promise<Run> {
  const before = await countsAtRest(stage);
  const atOnce = Math.min(AT_ONCE[kind.load], count);
  const orders = Array.from({ length: count }, () => shelves.nextOrder(kind.demand));
  const began = Date.now();
  const load = await closedLoop(placingBy(stage.concord, kind.strategy), orders, { atOnce, asks: true });
  const after = await countsAtRest(stage);
  const commands = { writes: after.writes - before.writes, reads: after.reads - before.reads };
  return { ...kind, ...load, atOnce, began, ended: Date.now(), commands };
}
