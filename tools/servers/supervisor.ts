import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ServersError } from './attempts.ts';
import { remove } from './cache.ts';
import { createEnding } from './ending.ts';
import { end, identify, type ProcessIdentity } from './processes.ts';
import { keepRecord, type RunningRecord } from './running.ts';

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The working directory, which also gets what the server prints: `<name>.log`. */
  readonly directory: string;
  readonly stopSignal?: NodeJS.Signals;
  /** Milliseconds until SIGKILL. Default: 5000. */
  readonly graceMs?: number;
  /** Asked again and again until it returns true; the server has started then. Default: it has at once. */
  readonly isReady?: () => Promise<boolean>;
}

export interface ServerProcess {
  readonly name: string;
  readonly identity: ProcessIdentity;
  /** Resolves once the process is gone, with how it ended. */
  readonly exited: Promise<string>;
  /** Ends the process; its directories stay. Idempotent. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

type About = Pick<RunningRecord, 'role' | 'dataDirectory'>;
export type Supervisor = Awaited<ReturnType<typeof createSupervisor>>;

/** Told that a server ended though nobody asked it to: which one, how, and the end of its log. */
export type OnLoss = (loss: ServersError) => void;

/** Its servers don't outlive this process, however it ends. @param onLoss Told of those that had been ready. */
export async function createSupervisor(about: About = { role: 'test' }, onLoss: OnLoss = () => {}) {
  const record = keepRecord(about);
  const guard = spawn(process.execPath, [GUARD, record.file], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A session of its own: a Ctrl-C at our terminal must not reach it before we have stopped what uses the servers.
    detached: true,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const guardExited = once(guard, 'exit');
  const identity = identify(guard.pid ?? 0);
  if (identity === undefined) throw new ServersError('The guard process of the servers ended at once.');
  record.update({ guard: identity });

  const running = new Map<ServerProcess, RunningRecord['children'][number]>();
  const asked = new WeakSet<ServerProcess>();
  const launching = new Set<Promise<unknown>>();
  const throwAwayDirectories: string[] = [];
  let stopping: Promise<void> | undefined;
  const launch = async (command: ServerCommand, log: string) => {
    const { name, stopSignal = 'SIGTERM', graceMs = 5000 } = command;
    const child = await spawned(command, log);
    // One that is gone already gets a start that no process has.
    const identity = identify(child.pid) ?? { pid: child.pid, started: 'gone' };
    const exited = child.exited.finally(() => running.delete(server));
    const endBy = async (signal: NodeJS.Signals) => {
      asked.add(server);
      await end(identity, signal, graceMs);
      await exited;
    };
    const [stop, kill] = [() => endBy(stopSignal), () => endBy('SIGKILL')];
    const server: ServerProcess = { name, identity, exited, stop, kill };
    running.set(server, { name, ...identity, stopSignal, graceMs });
    record.update({ children: [...running.values()] });
    return server;
  };
  const start = async (command: ServerCommand) => {
    const { name, directory } = command;
    const log = path.join(directory, `${name}.log`);
    // A restart that is under way when all is stopped would leave a server behind.
    if (stopping !== undefined)
      throw new ServersError(`${name} is not started, because all is being stopped.`);
    const launched = launch(command, log);
    launching.add(launched);
    const server = await launched.finally(() => launching.delete(launched));
    try {
      await untilReady(server, command, log);
    } catch (error) {
      await server.stop();
      throw error;
    }
    void server.exited.then((how) => tellLoss(server, how, log));
    return server;
  };
  const tellLoss = async (server: ServerProcess, how: string, log: string) => {
    if (asked.has(server) || stopping !== undefined) return;
    const what = `${server.name} (process ${server.identity.pid}) ended unasked (${how}), so all is stopped`;
    onLoss(new ServersError(`${what}.\n${await tail(log)}`));
  };
  const stop = async () => {
    await Promise.allSettled(launching);
    const { cleanUp, endAll } = createEnding();
    for (const directory of throwAwayDirectories) cleanUp(() => remove(directory));
    for (const server of running.keys()) cleanUp(server.stop);
    // If some can't be ended, the record stays, and the guard and the next start try again.
    await endAll();
    record.remove();
    guard.kill('SIGKILL');
    await guardExited;
  };
  return {
    /** Every process that was started and lives, in order of start. */
    processes: (): readonly ServerProcess[] => [...running.keys()],
    /** @throws {ServersError} with the tail of its log when it ends before it is ready, or is not ready in time */
    start,
    removeAtEnd(...directories: string[]) {
      throwAwayDirectories.push(...directories);
      record.update({ throwAwayDirectories });
    },
    announce: (facts: Pick<RunningRecord, 'ready' | 'temporal' | 'mongodb'>) => record.update(facts),
    /** Ends all servers, the last one first, removes the directories, and ends the guard. Idempotent. */
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}

const GUARD = fileURLToPath(new URL('guard.mjs', import.meta.url));

async function spawned({ name, command, args, directory, environment }: ServerCommand, log: string) {
  const output = openSync(log, 'a');
  const child = spawn(command, args, {
    cwd: directory,
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', output, output],
    // As with the guard: a Ctrl-C is for us to pass on.
    detached: true,
  });
  closeSync(output);
  if (child.pid === undefined) {
    const [{ message }] = await once(child, 'error');
    throw new ServersError(`${name} could not be started: ${message}`);
  }
  const exited = once(child, 'exit').then(([code, signal]) => `${signal ?? `exit code ${code}`}`);
  return { pid: child.pid, exited };
}

// Milliseconds.
const START_LIMIT = 60_000;

async function untilReady({ name, exited }: ServerProcess, command: ServerCommand, log: string) {
  const { isReady = async () => true } = command;
  let ended: string | undefined;
  void exited.then((how) => {
    ended = how;
  });
  const deadline = Date.now() + START_LIMIT;
  while (ended === undefined) {
    if (await isReady()) return;
    if (Date.now() > deadline)
      throw new ServersError(`${name} was not ready after ${START_LIMIT / 1000} s.\n${await tail(log)}`);
    await delay(50);
  }
  // PostgreSQL may have another command in front.
  const program = [command.command, ...command.args].find((word) => path.parse(word).name === name) ?? name;
  const advice = `If ${program} can't run here, replace or remove it, and the next way to get one is tried.`;
  throw new ServersError(`${name} ended while starting (${ended}).\n${await tail(log)}\n${advice}`);
}

/** The last lines of a log, which may be gone by then, indented; before them why a Go program broke off. */
export async function tail(log: string): Promise<string> {
  // A loss may be told while directories are being removed.
  const text = (await readFile(log, 'utf8').catch(() => '')).trimEnd();
  if (text === '') return 'It printed nothing.';
  const lines = text.split('\n');
  const panic = lines.slice(0, -LAST_LINES).findLast((line) => /^(panic|fatal error|SIG[A-Z]+): /.test(line));
  const shown = [...(panic === undefined ? [] : [panic, '…']), ...lines.slice(-LAST_LINES)];
  return ['The end of its log:', ...shown.map((line) => `  ${shortenMiddle(line)}`)].join('\n');
}

const LAST_LINES = 12;

/** Some servers put a whole call graph into a line, with the error at its end. */
function shortenMiddle(line: string): string {
  return line.length <= 300 ? line : `${line.slice(0, 100)} … ${line.slice(-200)}`;
}
