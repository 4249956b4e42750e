import { within } from '../platform/time-limit.ts';
import type { HealthChecks } from './health.ts';
import { type Hosted, hasEnded, type Started } from './hosted.ts';

/**
 * How long a check waits for a server: its own limit, because MongoDB's driver waits for 15 seconds, and its `timeoutMS` has no
 * effect (mongodb 7.9.0). Milliseconds; an answer is out within two seconds.
 */
export const PATIENCE = 1_500;

/** The checks of a process, whatever runs in it by then. */
export function healthChecks(started: Started): HealthChecks {
  const isRunning = () =>
    started.hosted.length > 0 && started.hosted.every(({ worker }) => worker.getState() === 'RUNNING');
  const databasesAnswer = asked(() => Promise.all(started.hosted.map(({ mongo }) => ping(mongo))));
  const temporalAnswers = asked(async () => {
    const { connection } = started;
    const ask = () => connection?.workflowService.getSystemInfo({});
    await connection?.withDeadline(Date.now() + PATIENCE, async () => ask());
  });
  return {
    live: () => !started.hosted.some(hasEnded),
    async ready() {
      if (!isRunning()) return false;
      await Promise.all([databasesAnswer(), temporalAnswers()]);
      return started.hosted.every(isPolling);
    },
    async health() {
      if (!isRunning()) return false;
      await databasesAnswer();
      return isRunning();
    },
  };
}

/** Asks one question at a time, so that a server that hangs is not asked again by each probe: who comes meanwhile waits along. */
function asked(question: () => Promise<unknown>): () => Promise<unknown> {
  let open: Promise<unknown> | undefined;
  return () => {
    open ??= within(PATIENCE, question).finally(() => {
      open = undefined;
    });
    return open;
  };
}

/** Gives its connection up with the question; another would be opened for the next. */
function ping(mongo: Hosted['mongo']): Promise<unknown> {
  return mongo.db('admin').command({ ping: 1 }, { signal: AbortSignal.timeout(PATIENCE) });
}

function isPolling({ service, worker }: Hosted): boolean {
  const { workflowPollerState, activityPollerState } = worker.getStatus();
  const runsNoWorkflows = service.workflowsPath === undefined;
  return activityPollerState === 'POLLING' && (runsNoWorkflows || workflowPollerState === 'POLLING');
}
