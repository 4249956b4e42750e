import pMap from 'p-map';
import { workflowIdOf } from '../../../domain/place-order.ts';
import { untilQuiet } from '../../chaos/quiet.ts';
import { spreadOf } from '../../compare/statistics.ts';
import { checkAtRest } from '../../measure/checker.ts';
import { watchMemory } from '../../measure/memory.ts';
import { readState } from '../../measure/state.ts';
import type { EngineStage } from './engine-stage.ts';
import { figuresOf } from './figures.ts';
import { closedLoop, openLoop, type Times } from './loops.ts';
import { createOrderSource, type Demand, type OrderSource } from './order-source.ts';
import { ratiosOf } from './ratios.ts';
import type { EngineOptions, EngineResult, HistoryFigures, Part, Run } from './result.ts';
import { type Placing, placingBy, type Subject } from './subjects.ts';
import { usageAtRest, usageOfEach } from './usage.ts';

/** Measures all subjects in turns, and checks at the end all that Concord and the saga have stored. */
export async function measureEngine(
  stage: EngineStage,
  options: EngineOptions,
  tell: (text: string) => void,
): Promise<EngineResult> {
  const at = new Date().toISOString();
  tell('filling the shelves, and warming up');
  const bench = { stage, options, source: await createOrderSource(stage.concord, options.subjects) };
  for (const subject of options.subjects) await warmUp(bench, subject);

  const pids = (name: 'orders' | 'inventory') => ({
    get pid() {
      return stage.workers[name].pid();
    },
  });
  const memory = watchMemory({ orders: pids('orders'), inventory: pids('inventory') });
  const runs: Run[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const part of options.parts) {
      tell(`round ${round} of ${options.rounds}: ${part}`);
      runs.push(...(await measures[part](bench)));
    }
  }
  const used = await memory.stop();

  tell('reading histories');
  const histories = await measureHistories(bench);
  tell('checking every order');
  return {
    ...{ at, machine: stage.machine, servers: stage.servers, options },
    figures: figuresOf(runs),
    histories,
    ratios: ratiosOf(runs, options),
    memory: used,
    problems: await problemsIn(stage),
  };
}

interface Bench {
  readonly stage: EngineStage;
  readonly options: EngineOptions;
  readonly source: OrderSource;
}

const WARM_UP = 60;
/** Customers at a time where the number is not what is measured. */
const MANY = 50;
const GROWTH = 10;

function warmUp(bench: Bench, subject: Subject): Promise<Times> {
  const placing = placingBy(bench.stage.concord, subject);
  const orders = ordersOf(bench, subject, 'spread', Math.min(WARM_UP, bench.options.orders));
  return closedLoop(placing, orders, { atOnce: MANY, asks: false });
}

/** One round of each part; what belongs together takes turns. */
const measures: Readonly<Record<Part, (bench: Bench) => Promise<Run[]>>> = {
  closed: (bench) =>
    inTurns(bench.options.atOnce, bench.options.subjects, (atOnce, subject) =>
      measureClosed(bench, { part: 'closed', subject, setting: `${atOnce} at once`, atOnce }),
    ),
  open: (bench) =>
    inTurns(bench.options.rates, bench.options.subjects, (rate, subject) =>
      measureOpen(bench, subject, rate),
    ),
  hot: (bench) =>
    inTurns(['spread', 'hot'] as const, among(bench, ['two-phase', 'message-queue']), (demand, subject) =>
      measureClosed(bench, { part: 'hot', subject, setting: SETTINGS[demand], atOnce: MANY, demand }),
    ),
  growth: (bench) =>
    // The floor as well: what the server itself takes more, nobody can give back.
    inTurns([1, GROWTH], among(bench, ['floor', 'two-phase']), (times, subject) =>
      measureClosed(bench, {
        ...{ part: 'growth', subject, atOnce: MANY },
        setting: times === 1 ? 'as many' : `${times} times as many`,
        orders: bench.options.orders * times,
      }),
    ),
  workers: (bench) =>
    inTurns([1, 2], among(bench, ['two-phase']), (processes, subject) =>
      withWorkers(bench, processes, () =>
        measureClosed(bench, {
          ...{ part: 'workers', subject, atOnce: MANY },
          setting: `${processes} worker${processes === 1 ? '' : 's'} of each service`,
        }),
      ),
    ),
};

const SETTINGS: Readonly<Record<Demand, string>> = { spread: '50 SKUs', hot: 'one SKU' };

async function inTurns<Setting, Each extends Subject>(
  settings: readonly Setting[],
  subjects: readonly Each[],
  measure: (setting: Setting, subject: Each) => Promise<Run>,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const setting of settings) {
    for (const subject of subjects) runs.push(await measure(setting, subject));
  }
  return runs;
}

function among({ options }: Bench, wanted: readonly Subject[]): Subject[] {
  return wanted.filter((subject) => options.subjects.includes(subject));
}

interface Closed {
  readonly part: Part;
  readonly subject: Subject;
  readonly setting: string;
  readonly atOnce: number;
  readonly demand?: Demand;
  readonly orders?: number;
}

function measureClosed(bench: Bench, { atOnce, demand = 'spread', ...kind }: Closed): Promise<Run> {
  const { orders = bench.options.orders, part, subject, setting } = kind;
  // Few at a time need many fewer to be known as well.
  const count = Math.max(Math.min(orders, atOnce * ENOUGH), 1);
  // Where throughput is measured, nobody asks: a question is more work for everybody.
  const asks = atOnce <= LOW;
  return measured(bench, { part, subject, setting, demand, count }, (placing, toPlace) =>
    closedLoop(placing, toPlace, { atOnce, asks }),
  );
}

const LOW = 2;
const ENOUGH = 20;

function measureOpen(bench: Bench, subject: Subject, rate: number): Promise<Run> {
  const setting = `${rate} a second`;
  const count = bench.options.orders;
  return measured(bench, { part: 'open', subject, setting, demand: 'spread', count }, (placing, orders) =>
    openLoop(placing, orders, rate),
  );
}

interface Measured extends Pick<Run, 'part' | 'subject' | 'setting'> {
  readonly demand: Demand;
  readonly count: number;
}

async function measured(
  bench: Bench,
  { demand, count, ...kind }: Measured,
  load: (placing: Placing, orders: ReturnType<typeof ordersOf>) => Promise<Times>,
): Promise<Run> {
  const orders = ordersOf(bench, kind.subject, demand, count);
  const before = await usageAtRest(bench.stage);
  const times = await load(placingBy(bench.stage.concord, kind.subject), orders);
  const after = await usageAtRest(bench.stage);
  return { ...kind, orders: count, ...times, usage: usageOfEach(before, after, count) };
}

function ordersOf({ source }: Bench, subject: Subject, demand: Demand, count: number) {
  return Array.from({ length: count }, () => source.nextOrder(subject, demand));
}

/** The usual ones, and so many more as make this number. */
async function withWorkers<Result>(
  bench: Bench,
  processes: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const { stage } = bench;
  const further = Array.from({ length: processes - 1 }, () => [
    stage.addWorker('orders'),
    stage.addWorker('inventory'),
  ]).flat();
  for (const worker of further) await worker.start();
  try {
    // Code that has never run is slow, and says nothing of how many processes there are.
    if (further.length > 0) await warmUp(bench, 'two-phase');
    return await work();
  } finally {
    await Promise.all(further.map((worker) => worker.stop()));
  }
}

/** Orders placed one after another, so that each history is what one order alone comes to. */
async function measureHistories({ stage, options, source }: Bench): Promise<HistoryFigures[]> {
  return pMap(
    options.subjects,
    async (subject) => {
      const placing = placingBy(stage.concord, subject);
      const lengths: number[] = [];
      const sizes: number[] = [];
      for (let index = 0; index < Math.min(HISTORIES, options.orders); index += 1) {
        const order = source.nextOrder(subject, 'spread');
        await placing.untilFinal(order);
        const { client } = stage;
        const found = await client.workflow.getHandle(workflowIdOf(order.orderId)).describe();
        lengths.push(found.historyLength);
        sizes.push(found.historySize ?? Number.NaN);
      }
      return { subject, events: spreadOf(lengths), bytes: spreadOf(sizes) };
    },
    { concurrency: 1 },
  );
}

const HISTORIES = 15;

async function problemsIn(stage: EngineStage): Promise<string[]> {
  await untilQuiet(stage, NO_FAULT_LOG, PATIENCE);
  const violations = checkAtRest(await readState(stage), []);
  return violations
    .filter(({ invariant, subject }) => !(invariant === 'order-once' && isSaga(subject)))
    .map(({ invariant, subject, details }) => `${invariant}: ${subject}: ${details}`);
}

/** Its orders are of no workflow of Concord's; their stock is checked like all. */
function isSaga(orderId: string): boolean {
  return orderId.startsWith('sequential-saga.');
}

const NO_FAULT_LOG = '';
/** How long nothing may come to an end before what is left counts as a problem. Milliseconds. */
const PATIENCE = 60_000;
