import { setTimeout as delay } from 'node:timers/promises';
import type { Concord } from '../../client/concord.ts';
import { checkStock, problemsOf, type Violation } from '../measure/checker.ts';
import type { Program } from '../measure/program.ts';
import { keepLooking, untilQuiet } from '../measure/quiet.ts';
import { collectionsIn } from '../measure/state.ts';
import { seconds } from '../measure/table.ts';
import type { ChaosStage } from './chaos-stage.ts';
import { startLoad, stockShelves } from './customers.ts';
import { type ActivityFault, isAnyTryLate, readActivityFaults } from './fault-log.ts';
import type { PlannedFault } from './fault-plan.ts';
import { detailOf, type Fault, injectFaults } from './faults.ts';
import type { LoadPlan } from './load-plan.ts';

export type Observations = Awaited<ReturnType<typeof weatherStorm>>;

interface Options extends Program {
  readonly stage: ChaosStage;
  readonly concord: Concord;
  readonly load: LoadPlan;
  readonly faults: readonly PlannedFault[];
}

const PROGRESS_INTERVAL = 5_000;
const READ_EVERY = 500;
/** The longest wait between two attempts is a minute, so three are plenty. Milliseconds. */
const QUIET_LIMIT = 180_000;

export async function weatherStorm(options: Options) {
  const { stage, concord, report, cleanUp } = options;
  await stockShelves(options.load, concord);
  const start = Date.now();
  const note = (text: string) => report.note(`${seconds(Date.now() - start)}  ${text}`);
  const quiet = () => untilQuiet(stage, QUIET_LIMIT, () => isAnyTryLate(stage.faultLog));

  const violations = new Map<string, Violation>();
  let stockReads = 0;
  const stopReading = keepLooking(READ_EVERY, async () => {
    // The database may be paused or gone.
    const documents = collectionsIn(stage.databases).stock.find().sort({ _id: 1 });
    const stock = await documents.toArray().catch(() => undefined);
    if (stock !== undefined) stockReads += 1;
    for (const violation of checkStock(stock ?? [])) {
      const key = `${violation.invariant} ${violation.subject}`;
      if (!violations.has(key)) note(`VIOLATED ${problemsOf([violation])}`);
      violations.set(key, violations.get(key) ?? violation);
    }
  });
  cleanUp(stopReading);
  const load = startLoad(options.load, concord, stage.links['clients-temporal'].address);
  const showing = setInterval(() => note(load.progress()), PROGRESS_INTERVAL);
  cleanUp(async () => clearInterval(showing));

  const began = (fault: PlannedFault) =>
    note(`fault: ${fault.kind} ${fault.target} ${detailOf(fault)}`.trimEnd());
  const injected = await injectFaults(options.faults, stage, began, cleanUp);
  note('no more faults; waiting until nothing is in flight');
  await quiet();
  // Customers without an answer ask again now, and may place once more.
  await Promise.race([load.done, delay(QUIET_LIMIT)]);
  await quiet();
  clearInterval(showing);
  await stopReading();
  const faults: readonly Fault[] = [...injected, ...(await readActivityFaults(stage.faultLog)).map(faultOf)];
  const lasted = Math.round((Date.now() - start) / 1000);
  return { answers: load.answers, faults, violations: [...violations.values()], stockReads, seconds: lasted };
}

function faultOf({ kind, target, at, until, workflowId, attempt }: ActivityFault): Fault {
  // One without an end was cut short when its worker was killed.
  return { kind, target, at, until: until ?? at, workflowId, detail: `attempt ${attempt} of ${workflowId}` };
}
