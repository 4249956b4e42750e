import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ServersError } from './attempts.ts';
import { end, identify, isGoneWithin, type ProcessIdentity } from './processes.ts';

/** A server process to be started under the guard. */
export type ServerCommand = {
  /** Unique within one supervisor. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The working directory. */
  readonly directory: string;
  /** The file that gets what the server prints. */
  readonly log: string;
  /** What ends this server in good order. Default: SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long it may take over that before SIGKILL, in milliseconds. Default: 5000. */
  readonly graceMs?: number;
};

/** A server process that runs under the guard. */
export type ServerProcess = {
  readonly name: string;
  readonly identity: ProcessIdentity;
  readonly log: string;
  readonly stopSignal: NodeJS.Signals;
  /** Resolves once the process is gone, with how it ended. */
  readonly exited: Promise<string>;
  /** Whether the process is gone. */
  hasExited(): boolean;
  /** Ends the process; its directories stay. Idempotent. */
  stop(): Promise<void>;
};

/** Our end of a guard: starts servers that do not outlive this process, however it ends. */
export type Supervisor = {
  /** The guard process. */
  readonly identity: ProcessIdentity;
  /** Every process that was started and lives. */
  readonly processes: () => readonly ServerProcess[];
  start(command: ServerCommand): Promise<ServerProcess>;
  /** Directories to be removed when the guard ends. */
  removeAtEnd(...directories: string[]): void;
  /** Ends all servers, the last one first, removes the directories, and ends the guard. Idempotent. */
  stop(): Promise<void>;
};

type Guard = ChildProcessByStdio<Writable, Readable, null>;

const messageSchema = z.union([
  z.object({ started: z.string(), pid: z.number() }),
  z.object({ failed: z.string(), message: z.string() }),
  z.object({
    exited: z.string(),
    pid: z.number(),
    code: z.number().nullable(),
    signal: z.string().nullable(),
  }),
]);
type Message = z.infer<typeof messageSchema>;
type Listen = (listener: (message: Message) => void) => void;

/** Starts a guard. */
export async function createSupervisor(): Promise<Supervisor> {
  const guard = spawn(process.execPath, [fileURLToPath(new URL('guard.mjs', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // A session of its own: a Ctrl-C at our terminal must not reach the servers before we have stopped what uses them.
    detached: true,
    // What loads TypeScript in our process has no use in the guard's.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  await once(guard, 'spawn');
  // Each server that it starts listens for its exit.
  guard.setMaxListeners(0);
  // Writing to a guard that was killed is noticed by its exit, not by an exception.
  guard.stdin.on('error', () => {});
  const identity = await identify(guard.pid ?? 0);
  if (identity === undefined) throw new ServersError('The guard process of the servers ended at once.');
  const guardExited = once(guard, 'exit');

  const listeners = new Set<(message: Message) => void>();
  createInterface({ input: guard.stdout }).on('line', (line) => {
    const message = messageSchema.parse(JSON.parse(line));
    for (const listener of listeners) listener(message);
  });

  const running = new Map<string, ServerProcess>();
  let stopping: Promise<void> | undefined;
  return {
    identity,
    processes: () => [...running.values()],
    removeAtEnd: (...directories) => send(guard, { remove: directories }),
    async start(command) {
      const server = await startUnder(guard, (listener) => listeners.add(listener), command);
      running.set(server.name, server);
      void server.exited.then(() => {
        if (running.get(server.name) === server) running.delete(server.name);
      });
      return server;
    },
    stop() {
      stopping ??= (async () => {
        guard.stdin.end();
        await guardExited;
        // Only left over when something killed the guard itself.
        for (const server of [...running.values()].reverse()) await end(server.identity, server.stopSignal);
      })();
      return stopping;
    },
  };
}

/**
 * Waits until `isReady` says so, asking again and again.
 * @throws {ServersError} with the tail of the log when the process exits first, or after `timeoutMs` milliseconds
 */
export async function untilReady(
  server: ServerProcess,
  isReady: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!server.hasExited()) {
    if (await isReady()) return;
    if (Date.now() > deadline) {
      throw new ServersError(
        `${server.name} was not ready after ${timeoutMs / 1000} s.\n${await tail(server.log)}`,
      );
    }
    await delay(50);
  }
  throw new ServersError(
    `${server.name} ended while starting (${await server.exited}).\n${await tail(server.log)}`,
  );
}

/** The last lines of a log, indented, under a line that names it. */
export async function tail(log: string): Promise<string> {
  const file = await open(log);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(4096),
      position: Math.max(0, size - 4096),
    });
    const lines = buffer.subarray(0, bytesRead).toString('utf8').trimEnd().split('\n').slice(-12);
    return [`The end of ${log}:`, ...lines.map((line) => `  ${shortenMiddle(line)}`)].join('\n');
  } finally {
    await file.close();
  }
}

/** Some servers put a whole call graph into a line, with what went wrong at its end. */
function shortenMiddle(line: string): string {
  return line.length <= 300 ? line : `${line.slice(0, 100)} … ${line.slice(-200)}`;
}

function startUnder(guard: Guard, listen: Listen, command: ServerCommand): Promise<ServerProcess> {
  const stopSignal = command.stopSignal ?? 'SIGTERM';
  const graceMs = command.graceMs ?? 5000;
  let ended = false;
  let pid: number | undefined;
  let resolveExited: (how: string) => void;
  const exited = new Promise<string>((resolve) => {
    resolveExited = resolve;
  });

  return new Promise((resolve, reject) => {
    listen((message) => {
      if (ended) return;
      if ('failed' in message && message.failed === command.name) {
        ended = true;
        reject(new ServersError(`${command.name} could not be started: ${message.message}`));
      } else if ('exited' in message && message.exited === command.name && message.pid === pid) {
        // By pid as well: the end of an earlier server of this name may be told late.
        ended = true;
        resolveExited(message.signal ?? `exit code ${message.code}`);
      } else if ('started' in message && message.started === command.name) {
        pid = message.pid;
        resolve(handle(message.pid));
      }
    });
    guard.once('exit', () =>
      reject(new ServersError(`The guard of ${command.name} was ended from outside.`)),
    );
    send(guard, { start: { environment: {}, ...command, stopSignal, graceMs } });
  });

  async function handle(pid: number): Promise<ServerProcess> {
    // One that is gone already gets a start that no process has.
    const identity = (await identify(pid)) ?? { pid, started: 'gone' };
    return {
      name: command.name,
      identity,
      log: command.log,
      stopSignal,
      exited,
      hasExited: () => ended,
      async stop() {
        if (ended) return;
        if (!guard.stdin.writable) return void (await end(identity, stopSignal, graceMs));
        send(guard, { stop: command.name });
        if (!(await isGoneWithin(identity, graceMs + 1000))) await end(identity, 'SIGKILL');
      },
    };
  }
}

function send(guard: Guard, command: object): void {
  if (guard.stdin.writable) guard.stdin.write(`${JSON.stringify(command)}\n`);
}
