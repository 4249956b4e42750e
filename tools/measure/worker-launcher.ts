import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ServiceName } from '../../workers/services.ts';
import { ServersError } from '../servers/attempts.ts';
import { tail } from '../servers/supervisor.ts';
import { type CommandCounts, commandCountsSchema } from './command-counts.ts';

/** A service's worker process, which ends with this process in whatever way that ends. */
export type LaunchedWorker = ReturnType<typeof createLaunchedWorker>;

interface Options {
  readonly name: ServiceName;
  /** What the process runs, which says `ready`; see `measured-worker.ts`. */
  readonly module?: string | undefined;
  readonly nodeArguments?: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Its workflow code, bundled already: a worker that was killed is soon back. */
  readonly workflowBundle: string;
  /** Where its log goes. */
  readonly directory: string;
}

const RESTART_DELAY = 500;
const PATIENCE = 60_000;

export function createLaunchedWorker(options: Options) {
  const { name, directory } = options;
  const log = path.join(directory, `${name}-worker.log`);
  let child: ChildProcess | undefined;

  const launch = (): ChildProcess => {
    const launched = spawnWorker(options, log);
    child = launched;
    launched.once('exit', () => {
      // One that ends unasked is started again, as a process manager would.
      setTimeout(() => child === launched && launch(), RESTART_DELAY).unref();
    });
    return launched;
  };

  const endBy = async (ask: (running: ChildProcess) => void): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || hasEnded(running)) return;
    const ended = once(running, 'exit');
    ask(running);
    await ended;
  };

  return {
    /** Where it logs. */
    log,
    /** Starts it, and resolves when it is ready. @throws {ServersError} with the tail of its log where it doesn't get so */
    async start(): Promise<void> {
      if ((await nextMessage(launch(), readySchema)) !== undefined) return;
      await endBy((running) => running.kill('SIGKILL'));
      throw new ServersError(`The ${name} worker did not start.\n${await tail(log)}`);
    },
    /** Ends it without a warning; it stays down until it is started. Idempotent. */
    kill: () => endBy((running) => running.kill('SIGKILL')),
    /** Ends it in good order. Idempotent. */
    stop: () => endBy((running) => running.send('stop')),
    /** What it has sent to its database since it was started. */
    async counts(): Promise<CommandCounts> {
      const none = { writes: 0, reads: 0 };
      if (child === undefined) return none;
      const answer = nextMessage(child, countsSchema);
      child.send('counts');
      return (await answer)?.counts ?? none;
    },
    /** Undefined while it is down. */
    pid: () => (child === undefined || hasEnded(child) ? undefined : child.pid),
  };
}

const readySchema = z.object({ ready: z.literal(true) });
const countsSchema = z.object({ counts: commandCountsSchema });
const MEASURED = fileURLToPath(new URL('measured-worker.ts', import.meta.url));

function spawnWorker(options: Options, log: string): ChildProcess {
  const { name, module = MEASURED, nodeArguments = [], environment, workflowBundle } = options;
  const output = openSync(log, 'a');
  const args = [...nodeArguments, '--import', import.meta.resolve('tsx'), module, name, workflowBundle];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', output, output, 'ipc'],
    // A Ctrl-C at the terminal is ours to act on.
    detached: true,
    env: { ...process.env, ...environment },
  });
  closeSync(output);
  return child;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** The next message of this shape; nothing where the process ends before, or none comes in time. */
async function nextMessage<Message>(
  child: ChildProcess,
  schema: z.ZodType<Message>,
): Promise<Message | undefined> {
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
