import { readdir, readFile } from 'node:fs/promises';
import { countsAtRest } from '../../compare/performance.ts';
import type { CommandCounts } from '../../measure/command-counts.ts';
import type { EngineStage } from './engine-stage.ts';

/** What has been used so far, or between two looks. */
export interface Usage extends CommandCounts {
  /** Processor seconds; undefined where there is no /proc, or the servers are the user's own. */
  readonly workerSeconds: number | undefined;
  readonly serverSeconds: number | undefined;
  /** Requests of the workers to Temporal, polls included. */
  readonly requests: number;
  /** Attempts of activities of the inventory. */
  readonly inventoryActivities: number;
}

/** What is used up to now; looks when nothing is under way any more, what follows a final order included. */
export async function usageAtRest(stage: EngineStage): Promise<Usage> {
  const commands = await countsAtRest(stage);
  const workers = [stage.workers.orders.pid(), stage.workers.inventory.pid()];
  const [metrics, workerSeconds, serverSeconds] = await Promise.all([
    Promise.all(stage.metrics.map(readMetrics)),
    processorSeconds(workers.filter((pid) => pid !== undefined)),
    processorSeconds(stage.serverPids()),
  ]);
  const text = metrics.join('\n');
  return {
    ...commands,
    workerSeconds,
    serverSeconds,
    requests: sumOf(text, /^temporal(?:_long)?_request_total\{.*\} (\d+)$/gm),
    inventoryActivities: sumOf(
      text,
      /^temporal_activity_execution_latency_seconds_count\{.*activity_type="inventory\..*\} (\d+)$/gm,
    ),
  };
}

/** What was used from one look to the other, by each of so many orders. */
export function usageOfEach(before: Usage, after: Usage, orders: number): Usage {
  const difference = (of: keyof Usage): number | undefined => {
    const [first, second] = [before[of], after[of]];
    return first === undefined || second === undefined ? undefined : (second - first) / orders;
  };
  return {
    writes: difference('writes') ?? 0,
    reads: difference('reads') ?? 0,
    workerSeconds: difference('workerSeconds'),
    serverSeconds: difference('serverSeconds'),
    requests: difference('requests') ?? 0,
    inventoryActivities: difference('inventoryActivities') ?? 0,
  };
}

async function readMetrics(url: string): Promise<string> {
  return (await fetch(url)).text();
}

function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Of these processes and all that they have started. */
async function processorSeconds(roots: readonly number[]): Promise<number | undefined> {
  const processes = await readProcesses();
  if (processes.length === 0 || roots.length === 0) return undefined;
  const wanted = new Set(roots);
  // A parent has a lower place in the list only by chance, so look until no more are found.
  for (let found = -1; found !== wanted.size; ) {
    found = wanted.size;
    for (const { pid, parent } of processes) if (wanted.has(parent)) wanted.add(pid);
  }
  const ticks = processes.filter(({ pid }) => wanted.has(pid)).map((process) => process.ticks);
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_A_SECOND;
}

/** `USER_HZ` is 100 on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Its own, and those of children that have ended. */
  readonly ticks: number;
}

async function readProcesses(): Promise<Process[]> {
  const names = await readdir('/proc').catch(() => []);
  const found = names.filter((name) => /^\d+$/.test(name)).map(readProcess);
  return (await Promise.all(found)).filter((process) => process !== undefined);
}

async function readProcess(pid: string): Promise<Process | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name, in parentheses, may hold anything; what follows begins with the state, the third field.
  const fields = stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  if (fields === undefined) return undefined;
  const [parent = 0] = fields.slice(1);
  const ticks = fields.slice(11, 15).reduce((sum, each) => sum + each, 0);
  return { pid: Number(pid), parent, ticks };
}
