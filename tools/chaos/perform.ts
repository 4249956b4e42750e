import { createMongoClient } from '../../activities/mongodb/client.ts';
import { Concord } from '../../client/concord.ts';
import { checkAnnouncements } from '../measure/announcement-checker.ts';
import { checkAtRest, type Violation } from '../measure/checker.ts';
import { readState, type Sources } from '../measure/state.ts';
import type { Report } from '../servers/report.ts';
import { type Stage, setStage } from './chaos-stage.ts';
import type { Answers } from './customers.ts';
import { planFaults } from './fault-plan.ts';
import { planLoad } from './load-plan.ts';
import type { Options } from './options.ts';
import { untilQuiet } from './quiet.ts';
import { composeReport, type RunReport } from './run-report.ts';
import { QUIET_LIMIT, weatherStorm } from './storm.ts';
import { writeStories } from './story.ts';

const RATES = { answerLost: 0.06, lateTry: 0.03, lateCopy: 0.06, heldUp: 0.06 } as const;

/**
 * Sets the stage, lets customers and faults loose on it, and judges what is left.
 *
 * @param cleanUp Gets what ends each part again, whether the run succeeds or not.
 * @throws {ServersError} where a server can't be started
 */
export async function performRun(
  options: Options,
  report: Report,
  cleanUp: (end: () => Promise<void>) => void,
): Promise<RunReport> {
  const { seed, minutes, strategy } = options;
  const duration = minutes * 60_000;
  const load = planLoad({ seed, orders: options.orders, duration, strategy });
  const faults = planFaults({ seed, duration, bursts: load.bursts });
  report.note(
    `Seed ${seed}: ${load.orders.length} orders (${strategy}) and ${faults.length} faults in ${minutes} minutes`,
  );

  const stage = await setStage({ seed, rates: RATES, report, cleanUp });
  const sources = await openSources(stage);
  const concord = await connect(stage.links['clients-temporal'].address);
  const quiet = () => untilQuiet(sources, stage.faultLog, QUIET_LIMIT);
  const seen = await weatherStorm({
    stage,
    sources,
    concord,
    load,
    faults,
    report,
    cleanUp,
    untilQuiet: quiet,
  });

  const state = await readState(sources);
  const violations = eachOnce([
    ...seen.violations,
    ...checkAtRest(state, seen.answers.told),
    ...checkAnnouncements(state),
    ...wrongAnswers(seen.answers),
  ]);
  const evidence = { client: sources.client, state, seen, logs: logsOf(stage) };
  const stories = await writeStories(violations, evidence);
  return composeReport({ options, load, state, seen, violations, stories });
}

/** What the checker reads goes to the servers straight. */
async function openSources({ temporal, mongodb }: Stage): Promise<Sources> {
  const { client } = await connect(temporal.address);
  const uri = `mongodb://${mongodb.address}/?directConnection=true`;
  const mongo = createMongoClient(uri, 'concord-checker');
  return { client, databases: { orders: mongo.db('orders'), inventory: mongo.db('inventory') } };
}

/** Never closed: the SDK (1.24) throws where a call waits to be repeated on a connection that is closed. */
function connect(address: string): Promise<Concord> {
  return Concord.connect({ connection: { address } });
}

function wrongAnswers({ wrong }: Answers): Violation[] {
  return wrong.map(({ subject, message }) => ({
    invariant: 'answer-kept',
    subject,
    details: `a customer was told: ${message}`,
  }));
}

/** What was seen first, where the same was seen again. */
function eachOnce(violations: readonly Violation[]): Violation[] {
  const seen = new Map<string, Violation>();
  for (const violation of violations) {
    const key = `${violation.invariant} ${violation.subject}`;
    if (!seen.has(key)) seen.set(key, violation);
  }
  return [...seen.values()];
}

function logsOf({ workers }: Stage): string[] {
  return Object.values(workers).map(({ log }) => log);
}
