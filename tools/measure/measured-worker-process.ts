import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { moduleFile, nodeArguments } from '../../platform/compiled.ts';
import type { ServiceName } from '../../workers/services.ts';
import { ServersError } from '../servers/attempts.ts';
import { tail } from '../servers/supervisor.ts';
import { type CommandCounts, commandCountsSchema } from './command-counts.ts';

/** A service's worker process, which ends with this process in whatever way that ends. */
export interface CompareWorker {
  /** Starts it, and resolves when it takes tasks. @throws {ServersError} with the tail of its log where it doesn't */
  start(): Promise<void>;
  /** Ends it without a warning; it stays down until it is started. Idempotent. */
  kill(): Promise<void>;
  /** Ends it in good order. Idempotent. */
  stop(): Promise<void>;
  /** What it has sent to its database since it was started. */
  counts(): Promise<CommandCounts>;
  /** Undefined while it is down. */
  pid(): number | undefined;
}

/** What a worker's process runs. */
export interface WorkerProgram {
  /** The module, which must call `runCountingWorker`. */
  readonly module: string;
  /** What Node gets beside what it needs to run it. */
  readonly nodeArguments?: readonly string[];
}

interface Options {
  readonly name: ServiceName;
  readonly program?: WorkerProgram;
  readonly environment: Readonly<Record<string, string>>;
  /** Its workflow code, bundled already: a worker that was killed is soon back. */
  readonly workflowBundle: string;
  /** Where its log goes. */
  readonly directory: string;
}

const START_LIMIT = 60_000;
const RESTART_DELAY = 1_000;

export function createCompareWorker(options: Options): CompareWorker {
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
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    ask(running);
    await ended;
  };

  return {
    async start() {
      const launched = launch();
      const ready = nextMessage(launched, readySchema, START_LIMIT);
      const ended = once(launched, 'exit').then(() => undefined);
      if ((await Promise.race([ready, ended])) !== undefined) return;
      child = undefined;
      launched.kill('SIGKILL');
      throw new ServersError(`The ${name} worker did not start.\n${await tail(log)}`);
    },
    kill: () => endBy((running) => running.kill('SIGKILL')),
    stop: () => endBy((running) => running.send('stop')),
    async counts() {
      const running = child;
      if (running === undefined) return { writes: 0, reads: 0 };
      const answer = nextMessage(running, countsSchema, START_LIMIT);
      running.send('counts');
      return (await answer)?.counts ?? { writes: 0, reads: 0 };
    },
    pid: () => child?.pid,
  };
}

const readySchema = z.object({ ready: z.literal(true) });
const countsSchema = z.object({ counts: commandCountsSchema });

function spawnWorker(
  { name, program = COMPARED, environment, workflowBundle }: Options,
  log: string,
): ChildProcess {
  const { module, nodeArguments: own = [] } = program;
  const output = openSync(log, 'a');
  const child = spawn(process.execPath, [...own, ...nodeArguments(), module, name, workflowBundle], {
    stdio: ['ignore', output, output, 'ipc'],
    // A Ctrl-C at the terminal is ours to act on.
    detached: true,
    env: { ...process.env, ...environment },
  });
  closeSync(output);
  return child;
}

const COMPARED: WorkerProgram = { module: moduleFile('measured-worker', import.meta.url) };

/** The next message of this shape; nothing where none comes in time. */
async function nextMessage<Message>(
  child: ChildProcess,
  schema: z.ZodType<Message>,
  limit: number,
): Promise<Message | undefined> {
  const waiting = new AbortController();
  const message = new Promise<Message>((resolve) => {
    const listen = (input: unknown) => {
      const parsed = schema.safeParse(input);
      if (parsed.success) resolve(parsed.data);
    };
    child.on('message', listen);
    waiting.signal.addEventListener('abort', () => child.off('message', listen));
  });
  const timeout = delay(limit, undefined, { signal: waiting.signal }).catch(() => undefined);
  try {
    return await Promise.race([message, timeout]);
  } finally {
    waiting.abort();
  }
}
