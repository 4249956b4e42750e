import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { Concord } from '../../client/concord.ts';
import { ServersError } from '../servers/attempts.ts';
import type { Report } from '../servers/report.ts';
import { type Servers, startServers } from '../servers/servers.ts';

/** How long a worker needs from its process's start. Milliseconds, one of each for every run. */
export interface StartTimes {
  /** Until it says that it has started. */
  readonly started: number[];
  /** Until Temporal lists it as a poller of both kinds of tasks: from then on, it takes work. */
  readonly polling: number[];
}

/** What `npm run bench:start` measures. */
export interface StartResult {
  readonly machine: string;
  readonly times: Readonly<Record<Variant, StartTimes>>;
}

type Variant = 'compiled' | 'from source';
const programs: Readonly<Record<Variant, readonly string[]>> = {
  compiled: [fileURLToPath(new URL('../../dist/workers/orders.js', import.meta.url))],
  'from source': [
    ...['--import', import.meta.resolve('tsx')],
    fileURLToPath(new URL('../../workers/orders.ts', import.meta.url)),
  ],
};
const variants = ['compiled', 'from source'] as const;

/**
 * Starts and ends a worker again and again: compiled, and from source, in turns.
 *
 * @throws {ServersError} where there is no build, or a server or a worker doesn't start
 */
export async function measureStart(
  runs: number,
  report: Report,
  cleanUp: (end: () => Promise<void>) => void,
): Promise<StartResult> {
  for (const file of programs.compiled) {
    if (!existsSync(file)) throw new ServersError('There is no build to measure: run `npm run build` first.');
  }
  const servers = await startServers({ report, role: 'test' });
  cleanUp(servers.stop);
  const { address, namespace } = servers.temporal;
  const concord = await Concord.connect({ connection: { address }, namespace });
  cleanUp(() => concord.close());

  const times: Record<Variant, StartTimes> = {
    compiled: { started: [], polling: [] },
    'from source': { started: [], polling: [] },
  };
  const step = report.step(`Starting a worker ${runs} × ${variants.length} times`);
  for (let run = 0; run < runs; run += 1) {
    for (const variant of variants) {
      const { started, polling } = await startOnce(programs[variant], servers, concord.client);
      times[variant].started.push(started);
      times[variant].polling.push(polling);
    }
  }
  step.done();
  return { machine: `${availableParallelism()} cores for everything`, times };
}

async function startOnce(program: readonly string[], { temporal, mongodb }: Servers, client: Client) {
  const began = performance.now();
  const child = spawn(process.execPath, program, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'], // it ends with the channel
    env: {
      ...process.env,
      ...{ TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace },
      ...{ MONGODB_URI: mongodb.uri, CONCORD_ENDS_WITH_PARENT: '1', LOG_LEVEL: 'info', HEALTH_PORT: '' },
    },
  });
  const ended = once(child, 'exit');
  try {
    const [started, polling] = await Promise.all([
      untilStarted(child).then(() => performance.now() - began),
      untilPolling(client, child).then(() => performance.now() - began),
    ]);
    return { started, polling };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

async function untilStarted({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) return;
  for await (const line of createInterface({ input: stdout })) {
    if (line.includes('"worker started"')) return void stdout.resume();
  }
  throw new ServersError('The worker ended while starting.');
}

const LOOK_EVERY = 20;

async function untilPolling(client: Client, { pid, exitCode }: ChildProcess): Promise<void> {
  const { namespace } = client.options;
  for (const taskQueueType of [1, 2]) {
    for (;;) {
      const { pollers } = await client.workflowService.describeTaskQueue({
        ...{ namespace, taskQueueType },
        taskQueue: { name: 'orders' },
      });
      if (pollers?.some(({ identity }) => identity?.startsWith(`${pid}@`))) break;
      if (exitCode !== null) return;
      await delay(LOOK_EVERY);
    }
  }
}
