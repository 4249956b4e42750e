import { latencyOf, median, spreadOf } from '../../compare/statistics.ts';
import type { Figures, Run } from './result.ts';
import type { Usage } from './usage.ts';

/** Each measurement over all its rounds, in the order in which they were begun. */
export function figuresOf(runs: readonly Run[]): Figures[] {
  return roundsOf(runs).map((rounds) => {
    const [{ part, subject, setting, orders, decided }] = rounds;
    return {
      ...{ part, subject, setting, orders },
      throughput: spreadOf(rounds.map(throughputOf)),
      ...(decided.length === 0 ? {} : { decided: latencyOf(rounds.map((run) => run.decided)) }),
      final: latencyOf(rounds.map((run) => run.final)),
      usage: medianUsage(rounds.map(({ usage }) => usage)),
    };
  });
}

function roundsOf(runs: readonly Run[]): [Run, ...Run[]][] {
  const groups = new Map<string, [Run, ...Run[]]>();
  for (const run of runs) {
    const key = JSON.stringify([run.part, run.setting, run.subject]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [run]);
    else group.push(run);
  }
  return [...groups.values()];
}

/** Orders a second. */
export function throughputOf({ orders, elapsed }: Run): number {
  return orders / (elapsed / 1_000);
}

function medianUsage(usages: readonly Usage[]): Usage {
  const of = (name: keyof Usage) => median(usages.map((usage) => usage[name] ?? Number.NaN));
  const processor = (name: 'workerSeconds' | 'serverSeconds') => {
    const value = of(name);
    return Number.isNaN(value) ? undefined : value;
  };
  return {
    writes: of('writes'),
    reads: of('reads'),
    requests: of('requests'),
    inventoryActivities: of('inventoryActivities'),
    workerSeconds: processor('workerSeconds'),
    serverSeconds: processor('serverSeconds'),
  };
}
