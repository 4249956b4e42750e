import { checkAtRest } from '../measure/checker.ts';
import { untilQuiet } from '../measure/quiet.ts';
import { type Stage, type StageOptions, setStage } from '../measure/stage.ts';
import { readState } from '../measure/state.ts';
import { sum } from '../measure/statistics.ts';
import { measureCost } from './cost.ts';
import { type CompareOptions, faults, type Part, type Tell } from './parts.ts';
import { measurePerformance, performanceOf } from './performance.ts';
import { measureFaults } from './under-faults.ts';

export type Comparison = Awaited<ReturnType<typeof compareStrategies>>;

/** Measures the three strategies on the same servers, in turns, and checks all orders at the end. @throws {ServersError} */
export async function compareStrategies(options: CompareOptions, program: StageOptions) {
  const at = new Date().toISOString();
  const isRestart = (part: Part) => part === 'temporal-restarted' && program.temporal === undefined;
  // A server that can be restarted has its data in a file, which would be what is measured: so that part comes apart.
  const together = [options.parts.filter((part) => !isRestart(part)), options.parts.filter(isRestart)];
  const found: Awaited<ReturnType<typeof measureOn>>[] = [];
  let last: Stage | undefined;
  for (const parts of together.filter(({ length }) => length > 0)) {
    // It would take its share of the machine.
    await last?.end();
    last = await setStage({ ...program, kind: parts.some(isRestart) ? 'lasting' : undefined });
    found.push(await measureOn(last, { ...options, parts }, program.report.note));
  }
  const temporals = found.map(({ servers }) => servers.temporal);
  return {
    ...{ at, options, machine: found[0]?.machine ?? '' },
    servers: { temporal: temporals.join('; '), mongodb: found[0]?.servers.mongodb ?? '' },
    performance: found.flatMap(({ performance }) => performance),
    cost: found.flatMap(({ cost }) => cost),
    faults: found.flatMap(({ faults }) => faults),
    skipped: found.flatMap(({ skipped }) => skipped),
    /** All that were sent, also to warm up. */
    checkedOrders: sum(found.map(({ checkedOrders }) => checkedOrders)),
    violations: found.flatMap(({ violations }) => violations),
  };
}

async function measureOn(stage: Stage, { parts, ...options }: CompareOptions, tell: Tell) {
  const runs = parts.includes('performance') ? await measurePerformance(stage, options, tell) : [];
  if (runs.length > 0) tell('reading histories');
  const cost = await measureCost(stage.client, runs);
  const asked = faults.filter((fault) => parts.includes(fault));
  const struck = await measureFaults(stage, asked, options.faultSeconds, tell);

  tell('checking every order');
  await untilQuiet(stage);
  const state = await readState(stage);
  const told = [...runs.flatMap(({ placed }) => placed), ...struck.told];
  const { machine, servers } = stage;
  const { figures, skipped } = struck;
  const violations = [...struck.violations, ...checkAtRest(state, told)];
  const measured = { performance: performanceOf(runs), cost, faults: figures, skipped };
  return { machine, servers, ...measured, checkedOrders: state.orders.length, violations };
}
