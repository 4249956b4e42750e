import type { MemoryUse } from '../measure/memory.ts';
import { megabytes, seconds, tableOf, verdictOf } from '../measure/text.ts';
import type { LoadResult } from './measure-load.ts';

/** The result as people read it. */
export function renderLoad(result: LoadResult): string {
  const { orders, acceptedAfter, finalAfter, backlog, holds, outcomes, memory, machine, problems } = result;
  const rate = (orders / finalAfter) * 1_000;
  return [
    `${orders} orders at once: all accepted after ${seconds(acceptedAfter)}, the last one final after ${seconds(finalAfter)} (${rate.toFixed(1)} a second)`,
    `At the most, ${backlog} orders were accepted and not final, and ${holds} of them held units of the same SKU`,
    machine,
    '',
    tableOf(['outcome', 'orders'], Object.entries(outcomes).sort()),
    '',
    tableOf(
      ['worker: resident memory', 'at the start', 'at most', 'at the end', 'second half / first half'],
      Object.entries(memory).map(([name, use]) => [name, ...cellsOf(use)]),
    ),
    '',
    verdictOf(problems),
  ].join('\n');
}

function cellsOf(use: MemoryUse | undefined): string[] {
  if (use === undefined) return Array.from({ length: 4 }, () => 'unknown: no /proc here');
  return [megabytes(use.start), megabytes(use.peak), megabytes(use.end), use.growth.toFixed(2)];
}
