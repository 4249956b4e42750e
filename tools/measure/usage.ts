import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { statOnLinux } from '../../client/cli/shared/running-start.ts';
import { type ServiceName, services } from '../../domain/services.ts';
import { withDescendants } from '../servers/processes.ts';
import type { CommandCounts } from './command-counts.ts';
import { countFullOutboxes, emptyOutboxes, keepLooking } from './quiet.ts';
import type { Stage } from './stage.ts';
import { mean, sum } from './statistics.ts';
import { UNKNOWN } from './table.ts';

export const memoryHead = ['at the start', 'at most', 'at the end', 'second half / first half'];

export function memoryRows(memory: Readonly<Record<ServiceName, ReturnType<typeof memoryUse>>>): string[][] {
  return Object.entries(memory).map(([name, use]) => {
    if (use === undefined) return [name, ...memoryHead.map(() => UNKNOWN)];
    return [name, megabytes(use.start), megabytes(use.peak), megabytes(use.end), use.growth.toFixed(2)];
  });
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

// Often enough to see a burst, and seldom enough to cost nothing. Milliseconds.
const INTERVAL = 500;

/** Watches the resident memory of both workers. @returns Stops, and returns what was seen. */
export function watchMemory({ workers }: Pick<Stage, 'workers'>) {
  const seen = { orders: [] as number[], inventory: [] as number[] };
  const stop = keepLooking(INTERVAL, async () => {
    for (const name of services) {
      const status = await readFile(`/proc/${workers[name].pid()}/status`, 'utf8').catch(() => '');
      const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
      if (kibibytes !== undefined) seen[name].push(Number(kibibytes) * 1024);
    }
  });
  return async () => {
    await stop();
    return { orders: memoryUse(seen.orders), inventory: memoryUse(seen.inventory) };
  };
}

/** In bytes. */
function memoryUse(seen: readonly number[]) {
  const [start] = seen;
  const end = seen.at(-1);
  if (start === undefined || end === undefined) return undefined;
  const middle = Math.ceil(seen.length / 2);
  const growth = mean(seen.slice(-middle)) / mean(seen.slice(0, middle));
  return { start, peak: Math.max(...seen), end, growth };
}

/** Processor seconds of these processes and all that they have started. */
export async function processorSeconds(pids: readonly number[]): Promise<number | undefined> {
  if (process.platform !== 'linux' || pids.length === 0) return undefined;
  return sum((await withDescendants(pids)).map(ticksOf)) / TICKS_A_SECOND;
}

/** `USER_HZ` is 100 on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/** Includes children that have ended. */
function ticksOf(pid: number): number {
  try {
    return sum(statOnLinux(pid).slice(11, 15).map(Number));
  } catch {
    return 0; // gone meanwhile
  }
}

/** Commands of both workers so far, with those that follow a final order, such as emptying an outbox. */
export async function countsAtRest({ workers, databases, client }: Stage): Promise<CommandCounts> {
  for (let last = -1; ; await delay(REST)) {
    const [orders, inventory] = await Promise.all([workers.orders.counts(), workers.inventory.counts()]);
    const counts = { writes: orders.writes + inventory.writes, reads: orders.reads + inventory.reads };
    const isAtRest = counts.writes + counts.reads === last;
    last = counts.writes + counts.reads;
    if (!isAtRest) continue;
    if ((await countFullOutboxes(databases)) === 0) return counts;
    await emptyOutboxes(client);
  }
}

// Longer than one activity takes. Milliseconds.
const REST = 250;
