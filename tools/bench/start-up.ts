import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServerStage } from '../measure/stage.ts';
import { spreadOf } from '../measure/statistics.ts';
import { placeOf, tableOf } from '../measure/table.ts';
import { hasEnded, polls } from '../measure/worker-launcher.ts';
import { ServersError } from '../servers/attempts.ts';
import type { Report } from '../servers/report.ts';

const build = fileURLToPath(new URL('../../dist/workers/orders.js', import.meta.url));
const source = fileURLToPath(new URL('../../workers/orders.ts', import.meta.url));

/** @throws {ServersError} if there is no build, before the servers are started */
export function checkBuild(): void {
  if (existsSync(build)) return;
  throw new ServersError('There is no build to measure: run `npm run build` first.');
}

export async function measureStartUp(stage: ServerStage, runs: number, report: Report) {
  const times: Record<'compiled' | 'from source', StartTime[]> = { compiled: [], 'from source': [] };
  const step = report.step(`Starting a worker ${runs} × 2 times`);
  for (let run = 0; run < runs; run += 1) {
    times.compiled.push(await startOnce([build], stage));
    times['from source'].push(await startOnce(['--import', import.meta.resolve('tsx'), source], stage));
  }
  step.done();
  const { machine, servers } = stage;
  return { machine, servers, times };
}

type StartTime = Awaited<ReturnType<typeof startOnce>>;

/** Milliseconds until a worker says that it has started, and until Temporal lists it as a poller of both kinds of tasks. */
async function startOnce(program: readonly string[], { environment, client }: ServerStage) {
  const began = performance.now();
  const child = spawn(process.execPath, program, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'], // it ends with the channel
    env: { ...process.env, ...environment, CONCORD_ENDS_WITH_PARENT: '1', LOG_LEVEL: 'info' },
  });
  const ended = once(child, 'exit');
  const since = () => performance.now() - began;
  const untilPolls = async () => {
    while (!hasEnded(child) && !(await polls(client, 'orders', child.pid))) await delay(20);
  };
  try {
    const [started, polling] = await Promise.all([untilStarted(child).then(since), untilPolls().then(since)]);
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

export function renderStartUp(result: Awaited<ReturnType<typeof measureStartUp>>): string {
  const cellOf = (measured: readonly number[]) => {
    const [median, lowest, highest] = Object.values(spreadOf(measured)).map(Math.round);
    return `${median} (${lowest} to ${highest})`;
  };
  const rows = Object.entries(result.times).map(([variant, runs]) => [
    variant,
    cellOf(runs.map(({ started }) => started)),
    cellOf(runs.map(({ polling }) => polling)),
  ]);
  return `${tableOf(['orders worker, ms: median (lowest to highest)', 'says it has started', 'polls'], rows)}
${placeOf(result)}`;
}
