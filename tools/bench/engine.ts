import pMap from 'p-map';
import { workflowIdOf } from '../../domain/place-order.ts';
import { checkAtRest, problemsOf } from '../measure/checker.ts';
import { closedLoop, type Load, openLoop, type Placing } from '../measure/customers.ts';
import { untilQuiet } from '../measure/quiet.ts';
import { type Demand, fillShelves, type Shelves } from '../measure/shelves.ts';
import type { Stage } from '../measure/stage.ts';
import { readState } from '../measure/state.ts';
import { spreadOf, sum } from '../measure/statistics.ts';
import { countsAtRest, processorSeconds, watchMemory } from '../measure/usage.ts';
import {
  combined,
  type EngineOptions,
  type EngineResult,
  figuresOf,
  type HistoryFigures,
  type Part,
  type Run,
  type Usage,
} from './engine-result.ts';
import { ratiosOf } from './ratios.ts';
import { placingOf, type Subject } from './subjects.ts';

/** Workers that show what they do. */
export interface EngineStage extends Stage {
  /** Where each worker's metrics are. */
  readonly metrics: readonly string[];
}

interface Bench {
  readonly stage: EngineStage;
  readonly options: EngineOptions;
  readonly shelves: ReadonlyMap<Subject, Shelves>;
}

/** Measures all subjects in turns, and checks at the end all that Concord and the saga have stored. */
export async function measureEngine(
  stage: EngineStage,
  options: EngineOptions,
  tell: (text: string) => void,
): Promise<EngineResult> {
  const at = new Date().toISOString();
  tell('filling the shelves, and warming up');
  const shelves = new Map<Subject, Shelves>();
  for (const subject of options.subjects) {
    shelves.set(subject, await fillShelves(stage.concord, { prefix: subject, count: 50, lines: 1 }));
  }
  const bench = { stage, options, shelves };
  for (const subject of options.subjects) await warmUp(bench, subject);

  const memoryUsed = watchMemory(stage);
  const runs: Run[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const part of options.parts) {
      tell(`round ${round} of ${options.rounds}: ${part}`);
      runs.push(...(await measures[part](bench)));
    }
  }
  const memory = await memoryUsed();

  tell('reading histories');
  const histories = await pMap(options.subjects, (subject) => measureHistories(bench, subject), {
    concurrency: 1,
  });
  tell('checking every order');
  return {
    ...{ at, machine: stage.machine, servers: stage.servers, options, memory, histories },
    figures: figuresOf(runs),
    ratios: ratiosOf(runs, options),
    problems: await problemsIn(stage),
  };
}

const WARM_UP = 60;
/** Customers at a time where the number is not what is measured. */
const MANY = 50;

function warmUp(bench: Bench, subject: Subject): Promise<Load> {
  const orders = ordersOf(bench, subject, 'spread', Math.min(WARM_UP, bench.options.orders));
  return closedLoop(placingOf(bench.stage.concord, subject), orders, { atOnce: MANY, asks: false });
}

/** One round of each part; what belongs together takes turns. */
const measures: Readonly<Record<Part, (bench: Bench) => Promise<Run[]>>> = {
  closed: (bench) =>
    inTurns(bench.options.atOnce, bench.options.subjects, (atOnce, subject) =>
      measureClosed(bench, { part: 'closed', subject, setting: `${atOnce} at once`, atOnce }),
    ),
  open: (bench) =>
    inTurns(bench.options.rates, bench.options.subjects, (rate, subject) => {
      const kind = { part: 'open', subject, setting: `${rate} a second` } as const;
      const orders = ordersOf(bench, subject, 'spread', bench.options.orders);
      return measured(bench, kind, orders, (placing) => openLoop(placing, orders, rate));
    }),
  hot: (bench) =>
    inTurns(['spread', 'hot'] as const, among(bench, ['two-phase', 'message-queue']), (demand, subject) =>
      measureClosed(bench, {
        ...{ part: 'hot', subject, demand },
        setting: demand === 'hot' ? 'one SKU' : '50 SKUs',
      }),
    ),
  growth: (bench) =>
    // The floor as well: what the server itself takes more, nobody can give back.
    inTurns([1, 10], among(bench, ['floor', 'two-phase']), (times, subject) =>
      measureClosed(bench, {
        ...{ part: 'growth', subject, orders: bench.options.orders * times },
        setting: times === 1 ? 'as many' : `${times} times as many`,
      }),
    ),
  workers: (bench) =>
    inTurns([1, 2], among(bench, ['two-phase']), (processes, subject) =>
      withWorkers(bench, processes, () =>
        measureClosed(bench, {
          ...{ part: 'workers', subject },
          setting: `${processes} worker${processes === 1 ? '' : 's'} of each service`,
        }),
      ),
    ),
};

async function inTurns<Setting>(
  settings: readonly Setting[],
  subjects: readonly Subject[],
  measure: (setting: Setting, subject: Subject) => Promise<Run>,
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

type Kind = Pick<Run, 'part' | 'subject' | 'setting'>;

interface Closed extends Kind {
  readonly atOnce?: number;
  readonly demand?: Demand;
  readonly orders?: number;
}

function measureClosed(
  bench: Bench,
  { atOnce = MANY, demand = 'spread', orders = bench.options.orders, ...kind }: Closed,
): Promise<Run> {
  // Few at a time need many fewer to be known as well.
  const toPlace = ordersOf(bench, kind.subject, demand, Math.max(Math.min(orders, atOnce * ENOUGH), 1));
  // Where throughput is measured, nobody asks: a question is more work for everybody.
  const asks = atOnce <= LOW;
  return measured(bench, kind, toPlace, (placing) => closedLoop(placing, toPlace, { atOnce, asks }));
}

const LOW = 2;
const ENOUGH = 20;

async function measured(
  { stage }: Bench,
  kind: Kind,
  { length: orders }: readonly unknown[],
  load: (placing: Placing) => Promise<Load>,
): Promise<Run> {
  const before = await usageAtRest(stage);
  const { placed, elapsed } = await load(placingOf(stage.concord, kind.subject));
  const after = await usageAtRest(stage);
  // There is plenty of all: an order that is refused was measured wrong.
  const other = placed.find(({ status }) => status !== 'confirmed');
  if (other !== undefined) throw new Error(`order ${other.order.orderId} ended as ${other.status}`);
  return {
    ...{ ...kind, orders, elapsed },
    decided: placed.flatMap(({ decided }) => decided ?? []),
    final: placed.map(({ final }) => final),
    usage: combined([before, after], ([first = 0, second = 0]) => (second - first) / orders),
  };
}

function ordersOf({ shelves }: Bench, subject: Subject, demand: Demand, count: number) {
  return Array.from({ length: count }, () => shelves.get(subject)?.nextOrder(demand)).filter(
    (order) => order !== undefined,
  );
}

/** What is used up to now; looks when nothing is under way any more, what follows a final order included. */
async function usageAtRest(stage: EngineStage): Promise<Usage> {
  const counts = await countsAtRest(stage);
  const workers = [stage.workers.orders.pid(), stage.workers.inventory.pid()];
  const [metrics, workerSeconds, serverSeconds] = await Promise.all([
    Promise.all(stage.metrics.map(async (url) => (await fetch(url)).text())),
    processorSeconds(workers.filter((pid) => pid !== undefined)),
    processorSeconds(stage.serverPids()),
  ]);
  const total = (pattern: RegExp) =>
    sum([...metrics.join('\n').matchAll(pattern)].map(([, value]) => Number(value)));
  return {
    ...{ ...counts, workerSeconds, serverSeconds },
    requests: total(/^temporal(?:_long)?_request_total\{.*\} (\d+)$/gm),
    inventoryActivities: total(
      /^temporal_activity_execution_latency_seconds_count\{.*activity_type="inventory\..*\} (\d+)$/gm,
    ),
  };
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

const HISTORIES = 15;

/** Orders placed one after another, so that each history is what one order alone comes to. */
async function measureHistories(bench: Bench, subject: Subject): Promise<HistoryFigures> {
  const { concord, client } = bench.stage;
  const orders = ordersOf(bench, subject, 'spread', Math.min(HISTORIES, bench.options.orders));
  await closedLoop(placingOf(concord, subject), orders, { atOnce: 1, asks: false });
  const found = await pMap(orders, ({ orderId }) =>
    client.workflow.getHandle(workflowIdOf(orderId)).describe(),
  );
  return {
    subject,
    events: spreadOf(found.map(({ historyLength }) => historyLength)),
    bytes: spreadOf(found.map(({ historySize }) => historySize ?? Number.NaN)),
  };
}

async function problemsIn(stage: EngineStage): Promise<string[]> {
  await untilQuiet(stage);
  const violations = checkAtRest(await readState(stage), []);
  // The saga's orders are of no workflow of Concord's; their stock is checked like all.
  const isSaga = (orderId: string) => orderId.startsWith('sequential-saga.');
  return problemsOf(
    violations.filter(({ invariant, subject }) => !(invariant === 'order-once' && isSaga(subject))),
  );
}
