import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/proto';
import type { Concord } from '../../client/concord.ts';
import { nodeArguments } from '../../platform/compiled.ts';
import type { ServiceName } from '../../workers/services.ts';
import { ServersError } from '../servers/attempts.ts';
import { endpointsOf } from '../servers/ports.ts';
import { identify } from '../servers/process-identity.ts';
import { end, signal } from '../servers/processes.ts';
import type { Report } from '../servers/report.ts';
import { tail } from '../servers/supervisor.ts';

/** A service's worker as a process of its own. */
export interface WorkerProcess {
  /** The process that runs now. */
  readonly pid: number | undefined;
  /**
   * Tells it where the servers are, and waits until it polls its task queue. A worker that ends unasked is started again,
   * as a process manager would.
   *
   * @throws ServersError with the tail of its log, where it ends before it is ready.
   */
  start(environment: Environment, concord: Concord): Promise<void>;
  /** Ends it gracefully; then it is started again, with the code as it is by then. */
  restart(): void;
  /** Ends it gracefully, also before it was started. Idempotent. */
  stop(): Promise<void>;
}

type Environment = Readonly<Record<string, string>>;

interface Preparation {
  readonly name: ServiceName;
  /** Where its log goes. */
  readonly directory: string;
  readonly report: Report;
  /** What is known already, in addition to our own. */
  readonly environment?: Environment;
}

/** Starts a service's worker, and waits until it polls; see {@link WorkerProcess.start}. */
export async function startWorker(
  options: Preparation & { readonly concord: Concord },
): Promise<WorkerProcess> {
  const worker = prepareWorker(options);
  await worker.start({}, options.concord);
  return worker;
}

/** Starts the process of a service's worker, which loads and bundles what it is to run while its servers still start. */
export function prepareWorker(preparation: Preparation): WorkerProcess {
  const { name, report } = preparation;
  const log = path.join(preparation.directory, `${name}-worker.log`);
  let child = launch(preparation, log);
  let stopping = false;
  const stop = async () => {
    stopping = true;
    const identity = hasExited(child) ? undefined : identify(child.pid ?? 0);
    if (identity !== undefined) await end(identity, 'SIGTERM', STOP_LIMIT);
  };
  const keepRunning = (environment: Environment) => {
    child.once('exit', async (code, signal) => {
      if (stopping) return;
      report.note(`The ${name} worker ended (${signal ?? `exit code ${code}`}); starting it again`);
      await delay(RESTART_DELAY);
      if (stopping) return;
      child = launch(preparation, log);
      tell(child, environment);
      keepRunning(environment);
    });
  };
  return {
    get pid() {
      return child.pid;
    },
    restart() {
      if (child.pid !== undefined && !hasExited(child)) signal(child.pid, 'SIGTERM');
    },
    stop,
    async start(environment, concord) {
      const step = report.step(`Starting the ${name} worker (log: ${log})`);
      tell(child, environment);
      try {
        await untilItPolls(name, concord, child, log);
      } catch (error) {
        step.failed('it did not start');
        await stop();
        throw error;
      }
      const where = endpointsOf({ ...process.env, ...preparation.environment, ...environment });
      step.done(`The ${name} worker runs (${[`process ${child.pid}`, `log: ${log}`, ...where].join(', ')})`);
      keepRunning(environment);
    },
  };
}

// A worker that fails at once must not be restarted in a tight loop. Milliseconds.
const RESTART_DELAY = 1_000;
const POLL_INTERVAL = 100;
const START_LIMIT = 60_000;
// Longer than the worker's own grace for what it runs. Milliseconds.
const STOP_LIMIT = 15_000;

function launch({ name, environment }: Preparation, log: string): ChildProcess {
  const output = openSync(log, 'a');
  // The channel ends with this process, however it ends, and the worker ends with the channel.
  return spawn(process.execPath, [...nodeArguments(), WORKER, name], {
    stdio: ['ignore', output, output, 'ipc'],
    // A Ctrl-C at the terminal is ours to pass on, when the time has come.
    detached: true,
    env: { ...process.env, ...environment, CONCORD_ENDS_WITH_PARENT: '1' },
  });
}

const WORKER = fileURLToPath(new URL('hosted-worker.ts', import.meta.url));

/** One that has ended already is noticed by its exit. */
function tell(child: ChildProcess, environment: Environment): void {
  child.send(environment, () => {});
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function untilItPolls(
  name: ServiceName,
  concord: Concord,
  child: ChildProcess,
  log: string,
): Promise<void> {
  const deadline = Date.now() + START_LIMIT;
  while (Date.now() < deadline) {
    if (hasExited(child)) {
      throw new ServersError(
        `The ${name} worker ended while starting. The end of its log:\n${await tail(log)}`,
      );
    }
    if (await polls(concord, name, child.pid)) return;
    await delay(POLL_INTERVAL);
  }
  throw new ServersError(`The ${name} worker did not start within ${START_LIMIT / 1000} s; its log: ${log}`);
}

/** Both kinds of tasks are polled by this very process, and not by one that is gone. */
async function polls({ client }: Concord, name: ServiceName, pid: number | undefined): Promise<boolean> {
  const { namespace } = client.options;
  const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;
  const answers = await Promise.all(
    [TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY].map((taskQueueType) =>
      client.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType }),
    ),
  );
  return answers.every(({ pollers }) => pollers?.some(({ identity }) => identity?.startsWith(`${pid}@`)));
}
