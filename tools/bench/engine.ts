import pMap from 'p-map';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { Order } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { tallyOf } from '../compare/cost.ts';
import { checkAtRest, problemsOf, type Violation } from '../measure/checker.ts';
import { closedLoop, type Load, openLoop } from '../measure/load-generator.ts';
import { untilQuiet } from '../measure/quiet.ts';
import { type Demand, fillShelves, type Shelves } from '../measure/shelves.ts';
import type { Stage } from '../measure/stage.ts';
import { readState } from '../measure/state.ts';
import { spreadOf, sum } from '../measure/statistics.ts';
import { countsAtRest, processorSeconds, watchMemory } from '../measure/usage.ts';
import type { Report } from '../servers/report.ts';
import { combined, type EngineOptions, figuresOf, type Part, type Run, type Usage } from './engine-result.ts';
import { ratiosOf } from './ratios.ts';
import { placingOf, recordedOnly, type Subject } from './subjects.ts';

interface EngineStage extends Stage {
  /** The address of each worker's metrics. */
  readonly metrics: readonly string[];
}

interface Bench {
  readonly stage: EngineStage;
  readonly options: EngineOptions;
  readonly shelves: ReadonlyMap<Subject, Shelves>;
}

export type EngineResult = Awaited<ReturnType<typeof measureEngine>>;

export async function measureEngine(stage: EngineStage, options: EngineOptions, tell: Report['note']) {
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
      runs.push(...(await measurePart(bench, part, round)));
    }
  }
  const memory = await memoryUsed();

  tell('reading histories');
  const readOf = (subject: Subject) => measureHistories(bench, subject);
  const histories = await pMap(options.subjects, readOf, { concurrency: 1 });
  tell('checking every order');
  const problems = await problemsIn(stage);
  const { machine, servers } = stage;
  const [figures, ratios] = [figuresOf(runs), ratiosOf(runs, options)];
  return { at, machine, servers, options, memory, histories, figures, ratios, problems };
}

const WARM_UP = 60;
const HISTORIES = 15;

function warmUp(bench: Bench, subject: Subject): Promise<Load> {
  const orders = ordersOf(bench, subject, Math.min(WARM_UP, bench.options.orders));
  return closedLoop(placingOf(bench.stage.concord, subject), orders, { atOnce: MANY, asks: false });
}

/** By default all subjects are measured, with many customers at a time, each with any of 50 SKUs. */
interface Setting {
  readonly setting: string;
  readonly subjects?: readonly Subject[];
  readonly atOnce?: number;
  /** Orders a second, of customers who come at that rate. */
  readonly rate?: number;
  readonly demand?: Demand;
  readonly times?: number;
  readonly second?: boolean;
}

function settingsOf(part: Part, { atOnce, rates }: EngineOptions): readonly Setting[] {
  const demands: readonly Subject[] = ['two-phase', 'message-queue'];
  // With the floor, to know what the server itself takes more.
  const growing: readonly Subject[] = ['floor', 'two-phase'];
  const alone: readonly Subject[] = ['two-phase'];
  const settings: Readonly<Record<Part, readonly Setting[]>> = {
    closed: atOnce.map((customers) => ({ setting: `${customers} at once`, atOnce: customers })),
    open: rates.map((rate) => ({ setting: `${rate} a second`, rate })),
    hot: [
      { setting: '50 SKUs', subjects: demands },
      { setting: 'one SKU', subjects: demands, demand: 'hot' },
    ],
    growth: [
      { setting: 'as many', subjects: growing },
      { setting: '10 times as many', subjects: growing, times: 10 },
    ],
    workers: [
      { setting: '1 worker of each service', subjects: alone },
      { setting: '2 workers of each service', subjects: alone, second: true },
    ],
  };
  return settings[part];
}

/** Measures one round of a part, in turns; every other round backwards, because servers get slower by what they keep. */
async function measurePart(bench: Bench, part: Part, round: number): Promise<Run[]> {
  const runs: Run[] = [];
  for (const setting of settingsOf(part, bench.options)) {
    const { subjects = bench.options.subjects } = setting;
    const measured = subjects.filter((each) => bench.options.subjects.includes(each));
    for (const subject of round % 2 === 0 ? measured.toReversed() : measured) {
      const measure = () => measureOnce(bench, part, subject, setting);
      runs.push(setting.second ? await withSecondWorkers(bench, subject, measure) : await measure());
    }
  }
  return runs;
}

const MANY = 50;
const LOW = 2;
// Orders of each customer: few at a time need fewer to be measured.
const ENOUGH = 20;

async function measureOnce(bench: Bench, part: Part, subject: Subject, wanted: Setting): Promise<Run> {
  const { stage, options } = bench;
  const { setting, atOnce = MANY, rate, demand, times = 1 } = wanted;
  const enough = rate === undefined ? Math.max(atOnce * ENOUGH, 1) : options.orders;
  const orders = ordersOf(bench, subject, Math.min(options.orders * times, enough), demand);
  const placing = placingOf(stage.concord, subject);
  const before = await usageAtRest(stage);
  const { placed, elapsed } =
    rate === undefined
      ? // Nobody asks while throughput is measured: a question is more work for everybody.
        await closedLoop(placing, orders, { atOnce, asks: atOnce <= LOW })
      : await openLoop(placing, orders, rate);
  const after = await usageAtRest(stage);
  // There is plenty of everything, so an order that is refused was measured wrong.
  const other = placed.find(({ status }) => status !== 'confirmed');
  if (other !== undefined) throw new Error(`order ${other.order.orderId} ended as ${other.status}`);
  const decided = placed.flatMap((each) => each.decided ?? []);
  const final = placed.map((each) => each.final);
  const usage = combined([before, after], ([first = 0, second = 0]) => (second - first) / orders.length);
  return { part, subject, setting, orders: orders.length, elapsed, decided, final, usage };
}

function ordersOf({ shelves }: Bench, subject: Subject, count: number, demand: Demand = 'spread'): Order[] {
  return Array.from({ length: count }, () => shelves.get(subject)?.nextOrder(demand) ?? []).flat();
}

async function withSecondWorkers(bench: Bench, subject: Subject, work: () => Promise<Run>): Promise<Run> {
  const second = [bench.stage.addWorker('orders'), bench.stage.addWorker('inventory')];
  for (const worker of second) await worker.start();
  try {
    // Code that has never run is slow.
    await warmUp(bench, subject);
    return await work();
  } finally {
    await Promise.all(second.map((worker) => worker.stop()));
  }
}

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
  const requests = total(/^temporal(?:_long)?_request_total\{.*\} (\d+)$/gm);
  const inventoryActivities = total(INVENTORY_ATTEMPTS);
  return { ...counts, workerSeconds, serverSeconds, requests, inventoryActivities };
}

// Does not compile if an activity of the inventory gets another beginning.
const BEGINNING: keyof InventoryActivities extends `inventory.${string}` ? 'inventory.' : never =
  'inventory.';
const INVENTORY_ATTEMPTS = new RegExp(
  String.raw`^temporal_activity_execution_latency_seconds_count\{.*activity_type="${BEGINNING}.*\} (\d+)$`,
  'gm',
);

/** Orders placed one after another, so that each history is what one order alone comes to. */
async function measureHistories(bench: Bench, subject: Subject) {
  const { concord, client } = bench.stage;
  const orders = ordersOf(bench, subject, Math.min(HISTORIES, bench.options.orders));
  await closedLoop(placingOf(concord, subject), orders, { atOnce: 1, asks: false });
  const measure = async ({ orderId }: Order) => {
    const handle = client.workflow.getHandle(workflowIdOf(orderId));
    const { historySize: bytes = Number.NaN } = await handle.describe();
    return { ...tallyOf((await handle.fetchHistory()).events ?? []), bytes };
  };
  const found = await pMap(orders, measure);
  return {
    subject,
    events: spreadOf(found.map(({ events }) => events)),
    actions: spreadOf(found.map(({ actions }) => actions)),
    bytes: spreadOf(found.map(({ bytes }) => bytes)),
  };
}

async function problemsIn(stage: EngineStage): Promise<string[]> {
  await untilQuiet(stage);
  const violations = checkAtRest(await readState(stage), []);
  // Some orders belong to no workflow of Concord; their stock is checked like all.
  const isExpected = ({ invariant, subject }: Violation) =>
    invariant === 'order-once' && recordedOnly.some((name) => subject.startsWith(`${name}.`));
  return problemsOf(violations.filter((violation) => !isExpected(violation)));
}
