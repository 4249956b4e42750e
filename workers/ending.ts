import type { Info } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Logger } from 'pino';
import { type Hosted, hasEnded, type Started } from './health.ts';

/** How long a worker may take to end: some handlers never return (temporalio/sdk-typescript #2266). Milliseconds. */
export const STOP_LIMITS = {
  /** Then activities are cancelled. Until then they may finish: an attempt takes ten seconds, but for a sweep. */
  grace: 10_000,
  /** Then the SDK gives up what has not returned. Longer than the driver waits for a database (`socketTimeoutMS`). */
  force: 20_000,
  /** Then the process exits, whatever still runs. Shorter than the 30 seconds after which Kubernetes and Compose kill it. */
  process: 25_000,
} as const;

/** By which code a process of workers ends. docs/operations.md says what to do. */
export const EXIT_CODES = { stopped: 0, failed: 1, wrongSetting: 2, overdue: 4 } as const;

/** Has a process end in time, and say what has not returned. */
export function createEnding(started: Started, logger: Logger) {
  const { interceptor, names } = createRunningActivities();
  const unfinished = () => [...names(), ...started.hosted.flatMap(unfinishedOf)];
  const giveUp = () => {
    const known = unfinished();
    const message = 'ended although something did not return; Temporal has it tried again';
    logger.fatal({ unfinished: known.length > 0 ? known : ["the shutdown of Temporal's SDK"] }, message);
    return EXIT_CODES.overdue;
  };
  let deadline: NodeJS.Timeout | undefined;
  /** From now on, the process has only so long. Idempotent. */
  const begin = () => {
    if (deadline === undefined) deadline = setTimeout(() => process.exit(giveUp()), STOP_LIMITS.process);
  };
  return { interceptor, begin, isUnfinished: () => unfinished().length > 0, giveUp };
}

/** Remembers which activities run, so that a process that can't end in good order says why. */
export function createRunningActivities() {
  const running = new Map<Info, string>();
  const interceptor: ActivityInterceptorsFactory = ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const workflowId = info.workflowExecution?.workflowId ?? 'no workflow';
        running.set(info, `${info.activityType} of ${workflowId}, attempt ${info.attempt}`);
        try {
          return await next(input);
        } finally {
          running.delete(info);
        }
      },
    },
  });
  return { interceptor, names: () => [...running.values()] };
}

/** What of a worker has not ended: its workflow tasks, and the worker itself. */
export function unfinishedOf(hosted: Hosted): string[] {
  const { service, worker } = hosted;
  const tasks = worker.getStatus().numInFlightWorkflowActivations;
  return [
    ...(tasks > 0 ? [`${tasks} workflow tasks of ${service.name}`] : []),
    ...(hasEnded(hosted) ? [] : [`the worker of ${service.name}: ${worker.getState()}`]),
  ];
}

/** Runs all of them. As soon as one fails or stops, the others stop as well; throws the first failure when all have ended. */
export async function runAll(workers: readonly Hosted['worker'][], onEnding: () => void): Promise<void> {
  const stopAll = () => {
    onEnding();
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runs = workers.map((worker) => worker.run());
  // The SDK doesn't tell that a worker fails before all that it runs has returned.
  const watch = setInterval(() => {
    if (workers.some((worker) => worker.getState() !== 'RUNNING')) stopAll();
  }, WATCH_INTERVAL);
  try {
    await Promise.all(runs);
  } finally {
    clearInterval(watch);
    stopAll();
    await Promise.allSettled(runs);
  }
}

const WATCH_INTERVAL = 1_000;
