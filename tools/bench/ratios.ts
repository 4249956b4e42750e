import { median, spreadOf } from '../measure/statistics.ts';
import { type EngineOptions, type Part, type Run, throughputOf } from './engine-result.ts';
import type { Subject } from './subjects.ts';

/** Each is a ratio of two runs of the same round. */
export function ratiosOf(runs: readonly Run[], { atOnce }: EngineOptions) {
  const low = `${atOnce[0]} at once`;
  const saturation = `${atOnce.at(-1)} at once`;
  const pick = (part: Part, subject: Subject, setting: string) =>
    runs.filter((run) => run.part === part && run.subject === subject && run.setting === setting);
  const closed = (setting: string, base: Subject): Compared => [
    pick('closed', 'two-phase', setting),
    pick('closed', base, setting),
  ];
  const growth = (subject: Subject): Compared => [
    pick('growth', subject, '10 times as many'),
    pick('growth', subject, 'as many'),
  ];
  const workers = (setting: string) => pick('workers', 'two-phase', setting);
  const toFloor = closed(saturation, 'floor');
  const toPlain = closed(saturation, 'plain');
  const toSaga = closed(saturation, 'sequential-saga');
  const toSagaAtLow = closed(low, 'sequential-saga');
  const onOneSku = pick('hot', 'two-phase', 'one SKU');
  const onMany = pick('hot', 'two-phase', '50 SKUs');
  const queueOnOneSku: Compared = [pick('hot', 'message-queue', 'one SKU'), onOneSku];
  const queueOnMany: Compared = [pick('hot', 'message-queue', '50 SKUs'), onMany];
  const oneSkuToMany: Compared = [onOneSku, onMany];
  const second: Compared = [workers('2 workers of each service'), workers('1 worker of each service')];
  return [
    ratio(`two-phase to the floor: orders a second, ${saturation}`, '≥ 0.95', throughputOf, toFloor),
    ratio(`two-phase to plain: orders a second, ${saturation}`, '≥ 0.95', throughputOf, toPlain),
    ratio(`two-phase to plain: the workers' processor time, ${saturation}`, '', workersOf, toPlain),
    ratio(`two-phase to plain: the servers' processor time, ${saturation}`, '', serversOf, toPlain),
    ratio(`two-phase to the sequential saga: orders a second, ${saturation}`, '≥ 1', throughputOf, toSaga),
    ratio(`two-phase to the sequential saga: p50 to the decision, ${low}`, '≤ 0.6', decisionOf, toSagaAtLow),
    ratio(`two-phase to the sequential saga: p50 until final, ${low}`, '≤ 0.7', finalOf, toSagaAtLow),
    ratio('message-queue to two-phase: orders a second, 50 SKUs', '≥ 0.9', throughputOf, queueOnMany),
    ratio('message-queue to two-phase: orders a second, one SKU', '≥ 0.9', throughputOf, queueOnOneSku),
    ratio('two-phase on one SKU to 50: orders a second', '≥ 0.7', throughputOf, oneSkuToMany),
    ratio('two-phase, 10 times the orders: time', '≤ 10.5', elapsedOf, growth('two-phase')),
    ratio('floor, 10 times the orders: time', '', elapsedOf, growth('floor')),
    ratio('two-phase, a second worker of each service: orders a second', '≥ 1', throughputOf, second),
  ].filter((each) => each !== undefined);
}

type Compared = [measured: Run[], base: Run[]];

const decisionOf = ({ decided }: Run) => median(decided);
const elapsedOf = ({ elapsed }: Run) => elapsed;
const workersOf = ({ usage }: Run) => usage.workerSeconds;
const serversOf = ({ usage }: Run) => usage.serverSeconds;
const finalOf = ({ final }: Run) => median(final);

function ratio(name: string, target: string, of: (run: Run) => number | undefined, [runs, base]: Compared) {
  const pairs = runs.flatMap((run, round) => {
    const other = base[round];
    const [value, compared] = [of(run), other && of(other)];
    return value === undefined || compared === undefined ? [] : [value / compared];
  });
  return pairs.length === 0 ? undefined : { name, target, ratio: spreadOf(pairs) };
}
