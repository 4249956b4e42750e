import { median, spreadOf } from '../measure/statistics.ts';
import { type EngineOptions, type Part, type Run, throughputOf } from './engine-result.ts';
import type { Subject } from './subjects.ts';

/** Each is a ratio of two runs of the same round. */
export function ratiosOf(runs: readonly Run[], { atOnce }: EngineOptions) {
  const low = `${atOnce[0]} at once`;
  const saturation = `${atOnce.at(-1)} at once`;
  const pick = (part: Part, subject: Subject, setting: string) =>
    runs.filter((run) => run.part === part && run.subject === subject && run.setting === setting);
  const closed = (subject: Subject, setting: string) => pick('closed', subject, setting);
  const hot = (subject: Subject, setting: string) => pick('hot', subject, setting);
  const growth = (subject: Subject): [Run[], Run[]] => [
    pick('growth', subject, '10 times as many'),
    pick('growth', subject, 'as many'),
  ];
  const workers = (setting: string) => pick('workers', 'two-phase', setting);
  return [
    ratio(`two-phase to the floor: orders a second, ${saturation}`, '≥ 0.95', throughputOf, [
      closed('two-phase', saturation),
      closed('floor', saturation),
    ]),
    ratio(`two-phase to the sequential saga: orders a second, ${saturation}`, '≥ 1', throughputOf, [
      closed('two-phase', saturation),
      closed('sequential-saga', saturation),
    ]),
    ratio(`two-phase to the sequential saga: p50 to the decision, ${low}`, '≤ 0.6', decisionOf, [
      closed('two-phase', low),
      closed('sequential-saga', low),
    ]),
    ratio(`two-phase to the sequential saga: p50 until final, ${low}`, '≤ 0.7', finalOf, [
      closed('two-phase', low),
      closed('sequential-saga', low),
    ]),
    ratio('message-queue to two-phase: orders a second, one SKU', '≥ 1', throughputOf, [
      hot('message-queue', 'one SKU'),
      hot('two-phase', 'one SKU'),
    ]),
    ratio('two-phase on one SKU to 50: orders a second', '≥ 0.7', throughputOf, [
      hot('two-phase', 'one SKU'),
      hot('two-phase', '50 SKUs'),
    ]),
    ratio('two-phase, 10 times the orders: time', '≤ 10.5', elapsedOf, growth('two-phase')),
    ratio('floor, 10 times the orders: time', '', elapsedOf, growth('floor')),
    ratio('two-phase, a second worker of each service: orders a second', '≥ 1', throughputOf, [
      workers('2 workers of each service'),
      workers('1 worker of each service'),
    ]),
  ].filter((each) => each !== undefined);
}

const decisionOf = ({ decided }: Run) => median(decided);
const elapsedOf = ({ elapsed }: Run) => elapsed;
const finalOf = ({ final }: Run) => median(final);

/** Returns undefined if one of both was not measured. */
function ratio(name: string, target: string, of: (run: Run) => number, [measured, base]: [Run[], Run[]]) {
  const pairs = measured.flatMap((run, round) => {
    const other = base[round];
    return other === undefined ? [] : [of(run) / of(other)];
  });
  return pairs.length === 0 ? undefined : { name, target, ratio: spreadOf(pairs) };
}
