import { checkAtRest } from '../measure/checker.ts';
import type { Program } from '../measure/program.ts';
import { untilQuiet } from '../measure/quiet.ts';
import { type Stage, setStage } from '../measure/stage.ts';
import { readState } from '../measure/state.ts';
import { sum } from '../measure/statistics.ts';
import type { UserTemporal } from '../measure/user-temporal.ts';
import { measureCost } from './cost.ts';
import { measurePerformance, performanceOf } from './performance.ts';
import { type CompareOptions, type Comparison, faults, type Part } from './result.ts';
import { measureFaults } from './under-faults.ts';

interface Options extends CompareOptions, Program {
  /** Default: a server that is started for the comparison. */
  readonly temporal: UserTemporal | undefined;
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
  for (const { parts, kind } of stagesFor(options.parts, temporal)) {
    // What was set before would only take its share of the machine.
    await last?.end();
    last = await setStage({ report, cleanUp, kind, temporal });
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
    checkedOrders: sum(found.map(({ checkedOrders }) => checkedOrders)),
    violations: found.flatMap(({ violations }) => violations),
  };
}

/** A server that can be restarted has its data in a file, and then the file is what is measured: that one comes apart. */
function stagesFor(
  parts: readonly Part[],
  temporal: UserTemporal | undefined,
): { readonly parts: readonly Part[]; readonly kind?: 'lasting' }[] {
  if (temporal !== undefined) return [{ parts }];
  const isRestart = (part: Part) => part === 'temporal-restarted';
  return [
    { parts: parts.filter((part) => !isRestart(part)) },
    { parts: parts.filter(isRestart), kind: 'lasting' as const },
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
  await untilQuiet(stage);
  const state = await readState(stage);
  return {
    machine: stage.machine,
    servers: stage.servers,
    performance: performanceOf(runs),
    cost,
    faults: struck.figures,
    skipped: struck.skipped,
    checkedOrders: state.orders.length,
    violations: [
      ...struck.violations,
      ...checkAtRest(state, [...runs.flatMap(({ placed }) => placed), ...struck.told]),
    ],
  };
}
