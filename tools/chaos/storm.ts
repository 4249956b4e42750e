import { setTimeout as delay } from 'node:timers/promises';
import type { Concord } from '../../client/concord.ts';
import { problemsOf, type Violation } from '../measure/checker.ts';
import type { Program } from '../measure/program.ts';
import { untilQuiet } from '../measure/quiet.ts';
import type { ChaosStage } from './chaos-stage.ts';
import { type Answers, type Load, startLoad, stockShelves } from './customers.ts';
import { type ActivityFault, isAnyTryLate, readActivityFaults } from './fault-log.ts';
import type { PlannedFault } from './fault-plan.ts';
import { type Fault, injectFaults, withDetail } from './faults.ts';
import type { LoadPlan } from './load-plan.ts';
import { watchStock } from './stock-watch.ts';

/** What was seen while faults hit. */
export interface Observations {
  readonly answers: Answers;
  readonly faults: readonly Fault[];
  /** What did not hold of the stock at some moment. */
  readonly violations: readonly Violation[];
  /** How often the stock could be read. */
  readonly stockReads: number;
  /** From the first order until nothing was in flight any more. */
  readonly seconds: number;
}

interface Options extends Program {
  readonly stage: ChaosStage;
  /** The customers' own client, through a link that may be disturbed. */
  readonly concord: Concord;
  readonly load: LoadPlan;
  readonly faults: readonly PlannedFault[];
}

const PROGRESS_INTERVAL = 5_000;
/** The longest wait between two attempts is a minute, so three are plenty for whatever can still come. Milliseconds. */
const QUIET_LIMIT = 180_000;

/** Lets customers and faults loose on the stage, and waits until all is quiet again. */
export async function weatherStorm(options: Options): Promise<Observations> {
  const { stage, concord, report, cleanUp } = options;
  await stockShelves(options.load, concord);
  const start = Date.now();
  const note = (text: string) => report.note(`${clock(Date.now() - start)}  ${text}`);

  const stockWatch = watchStock(stage.databases.inventory, (violation) =>
    note(`VIOLATED ${problemsOf([violation])}`),
  );
  cleanUp(stockWatch.stop);
  const load = startLoad(options.load, concord, stage.links['clients-temporal'].address);
  const injection = injectFaults(options.faults, stage, (fault) => note(describeFault(fault)));
  cleanUp(async () => injection.release());
  const showing = setInterval(() => note(progressOf(load)), PROGRESS_INTERVAL);
  cleanUp(async () => clearInterval(showing));

  const quiet = () => untilQuiet(stage, QUIET_LIMIT, () => isAnyTryLate(stage.faultLog));
  const injected = await injection.done;
  note('no more faults; waiting until nothing is in flight');
  await quiet();
  // Who was not answered asks again now, and may even place once more.
  await Promise.race([load.done, delay(QUIET_LIMIT)]);
  await quiet();
  clearInterval(showing);
  await stockWatch.stop();
  return {
    answers: load.answers,
    faults: [...injected, ...(await readActivityFaults(stage.faultLog)).map(faultOf)],
    violations: stockWatch.violations(),
    stockReads: stockWatch.reads(),
    seconds: Math.round((Date.now() - start) / 1000),
  };
}

function faultOf({ kind, target, at, until, workflowId, attempt }: ActivityFault): Fault {
  // One without an end was cut short when its worker was killed.
  return { kind, target, at, until: until ?? at, workflowId, detail: `attempt ${attempt} of ${workflowId}` };
}

function progressOf(load: Load): string {
  const { planned, placed, waiting } = load.progress();
  return `${placed} of ${planned} orders placed, ${waiting} wait for an answer`;
}

function describeFault(planned: PlannedFault): string {
  const { kind, target, detail } = withDetail(planned);
  return `fault: ${kind} ${target}${detail === undefined ? '' : ` (${detail})`}`;
}

function clock(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  const minutes = Math.floor(seconds / 60);
  return `${String(minutes).padStart(2, '0')}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;
}
