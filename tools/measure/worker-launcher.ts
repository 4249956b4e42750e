import { type ChildProcess, spawn } from 'node:child_process';
import { on } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { z } from 'zod';
import { STOP_LIMITS } from '../../workers/ending.ts';
import type { ServiceName } from '../../workers/services.ts';
import { ServersError } from '../servers/attempts.ts';
import { end, identify } from '../servers/processes.ts';
import { tail } from '../servers/supervisor.ts';
import { type CommandCounts, commandCountsSchema } from './command-counts.ts';

interface Launch {
  readonly name: ServiceName;
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Told how it ended unasked. @returns Whether it is started again. */
  onEnd(how: string): boolean;
}

interface KeptProcess extends Launch {
  readonly program: readonly string[];
  onLaunch?(launched: ChildProcess): void;
}

// A worker that fails at once must not be restarted in a tight loop. Milliseconds.
const RESTART_DELAY = 500;
// Longer than a worker's own, after which it says what has not returned.
const STOP_LIMIT = STOP_LIMITS.process + 3_000;

/** A service's worker as a process of its own, which is started again when it ends unasked, as a process manager would. */
export function createKeptProcess(options: KeptProcess) {
  const { name, environment, directory, program, onLaunch = () => {}, onEnd } = options;
  const log = path.join(directory, `${name}-worker.log`);
  let child: ChildProcess | undefined;
  let isOver = false;
  const launch = (): ChildProcess => {
    if (isOver) throw new ServersError(`The ${name} worker is not started, because all is being stopped.`);
    const output = openSync(log, 'a');
    const launched = spawn(process.execPath, program, {
      // The channel ends with this process, however it ends, and the worker ends with the channel.
      stdio: ['ignore', output, output, 'ipc'],
      // A Ctrl-C at the terminal is ours to pass on, when the time has come.
      detached: true,
      env: { ...process.env, ...environment },
    });
    closeSync(output);
    child = launched;
    launched.once('exit', (code, signal) => {
      if (child !== launched || !onEnd(signal ?? `exit code ${code}`)) return;
      setTimeout(() => child === launched && launch(), RESTART_DELAY).unref();
    });
    onLaunch(launched);
    return launched;
  };
  /** It stays down until it is launched. Idempotent. */
  const endBy = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const identity = child === undefined || hasEnded(child) ? undefined : identify(child.pid ?? 0);
    child = undefined;
    if (identity !== undefined) await end(identity, signal, STOP_LIMIT);
  };
  return {
    log,
    launch,
    child: () => child,
    end: endBy,
    /** For good: a fault that is under way would start it again otherwise. */
    close(): Promise<void> {
      isOver = true;
      return endBy('SIGKILL');
    },
  };
}

export const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** Whether both kinds of tasks are polled by this very process. */
export async function polls(client: Client, name: ServiceName, pid: number | undefined): Promise<boolean> {
  const { namespace } = client.options;
  const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;
  const answers = await Promise.all(
    [TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY].map((taskQueueType) =>
      client.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType }),
    ),
  );
  return answers.every(({ pollers }) => pollers?.some(({ identity }) => identity?.startsWith(`${pid}@`)));
}

interface Options extends Launch {
  readonly module?: string | undefined;
  readonly nodeArguments?: readonly string[] | undefined;
  /** Bundled already, so that a worker that was killed is soon back. */
  readonly workflowBundle: string;
}

/** A worker whose process says when it is ready, and counts its commands; see `measured-worker.ts`. */
export function createLaunchedWorker(options: Options) {
  const { name, module = MEASURED, nodeArguments = [], workflowBundle } = options;
  const program = [...nodeArguments, '--import', import.meta.resolve('tsx'), module, name, workflowBundle];
  const { log, launch, child, end, close } = createKeptProcess({ ...options, program });
  return {
    log,
    /** Starts it, and resolves when it is ready. @throws {ServersError} with the tail of its log if it doesn't get so */
    async start(): Promise<void> {
      if ((await nextMessage(launch(), readySchema)) !== undefined) return;
      await end('SIGKILL');
      throw new ServersError(`The ${name} worker did not start.\n${await tail(log)}`);
    },
    close,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    /** Of its database, since it was started. */
    async counts(): Promise<CommandCounts> {
      const running = child();
      const answer = running && nextMessage(running, countsSchema);
      running?.send('counts');
      return (await answer)?.counts ?? { writes: 0, reads: 0 };
    },
    pid(): number | undefined {
      const running = child();
      return running === undefined || hasEnded(running) ? undefined : running.pid;
    },
  };
}

const PATIENCE = 60_000;
const readySchema = z.object({ ready: z.literal(true) });
const countsSchema = z.object({ counts: commandCountsSchema });
const MEASURED = fileURLToPath(new URL('measured-worker.ts', import.meta.url));

/** The next message of this shape; undefined if the process ends before, or none comes in time. */
async function nextMessage<Message>(child: ChildProcess, schema: z.ZodType<Message>) {
  const inTime = AbortSignal.timeout(PATIENCE);
  try {
    for await (const [message] of on(child, 'message', { signal: inTime, close: ['exit'] })) {
      const parsed = schema.safeParse(message);
      if (parsed.success) return parsed.data;
    }
  } catch (error) {
    if (!inTime.aborted) throw error;
  }
  return undefined;
}
