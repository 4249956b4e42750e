import { untilQuiet } from '../chaos/quiet.ts';
import { checkAtRest, type Told } from '../measure/checker.ts';
import { type Stage, setStage, type UserTemporal } from '../measure/stage.ts';
import { readState } from '../measure/state.ts';
import type { Report } from '../programs/report.ts';
import { measureCost } from './cost.ts';
import { measurePerformance, performanceOf, type Run } from './performance.ts';
import { type CompareOptions, type Comparison, faults, type Part } from './result.ts';
import { measureFaults } from './under-faults.ts';

interface Options extends CompareOptions {
  /** Default: a server that is started for the comparison. */
  readonly temporal?: UserTemporal;
  readonly report: Report;
  /** Gets what ends it again, whether it succeeds or not: until then all databases are there. */
  readonly cleanUp: (end: () => Promise<void>) => void;
}

/**
 * Measures the three strategies on the same servers and services, alternately, and checks all orders at the end.
 *
 * @throws {ServersError} where a server or a worker can't be started
 */
export async function compareStrategies({
  temporal,
  report,
  cleanUp,
  ...options
}: Options): Promise<Comparison> {
  const at = new Date().toISOString();
  const found: Found[] = [];
  let last: Stage | undefined;
  for (const { parts, restartable } of stagesFor(options.parts, temporal)) {
    const given = temporal === undefined ? {} : { temporal };
    // What was set before would only take its share of the machine.
    await last?.end();
    last = await setStage({ report, cleanUp, restartable, ...given });
    found.push(await measureOn(last, { ...options, parts }, report.note));
  }
  const [first] = found;
  return {
    at,
    machine: first?.machine ?? '',
    servers: {
      temporal: found.map(({ servers }) => servers.temporal).join('; '),
      mongodb: first?.servers.mongodb ?? '',
    },
    options,
    performance: found.flatMap(({ performance }) => performance),
    cost: found.flatMap(({ cost }) => cost),
    faults: found.flatMap(({ faults }) => faults),
    skipped: found.flatMap(({ skipped }) => skipped),
    checkedOrders: found.reduce((sum, { checkedOrders }) => sum + checkedOrders, 0),
    violations: found.flatMap(({ violations }) => violations),
  };
}

/** A server that can be restarted has its data in a file, and then the file is what is measured: that one comes apart. */
function stagesFor(
  parts: readonly Part[],
  temporal: UserTemporal | undefined,
): { readonly parts: readonly Part[]; readonly restartable: boolean }[] {
  if (temporal !== undefined) return [{ parts, restartable: false }];
  const isRestart = (part: Part) => part === 'temporal-restarted';
  return [
    { parts: parts.filter((part) => !isRestart(part)), restartable: false },
    { parts: parts.filter(isRestart), restartable: true },
  ].filter((stage) => stage.parts.length > 0);
}

/** What was found on one stage. */
type Found = Omit<Comparison, 'at' | 'options'>;

async function measureOn(
  stage: Stage,
  { parts, ...options }: CompareOptions,
  tell: (text: string) => void,
): Promise<Found> {
  const runs = parts.includes('performance') ? await measurePerformance(stage, options, tell) : [];
  if (runs.length > 0) tell('reading histories');
  const cost = await measureCost(stage.client, runs);
  const asked = faults.filter((fault) => parts.includes(fault));
  const struck = await measureFaults(stage, { faults: asked, seconds: options.faultSeconds }, tell);

  tell('checking every order');
  await untilQuiet(stage, NO_FAULT_LOG, PATIENCE);
  const state = await readState(stage);
  return {
    machine: stage.machine,
    servers: stage.servers,
    performance: performanceOf(runs),
    cost,
    faults: struck.figures,
    skipped: struck.skipped,
    checkedOrders: state.orders.length,
    violations: [...struck.violations, ...checkAtRest(state, [...toldIn(runs), ...struck.told])],
  };
}

/** The workers here meet no faults of their own making. */
const NO_FAULT_LOG = '';
/** How long nothing may come to an end before what is left counts as violated. Milliseconds. */
const PATIENCE = 60_000;

function toldIn(runs: readonly Run[]): Told[] {
  return runs.flatMap(({ orders }) => orders.map(({ order, status }) => ({ order, status })));
}
