import { readFile } from 'node:fs/promises';

/** The resident memory of a process over a run, in bytes. */
export interface MemoryUse {
  readonly start: number;
  readonly peak: number;
  readonly end: number;
  /** The mean of the second half of the run over the mean of the first one. */
  readonly growth: number;
}

/** A process; its pid changes where it is started anew. */
interface Process {
  readonly pid: number | undefined;
}

// Often enough to see what a burst does, and seldom enough to cost nothing. Milliseconds.
const INTERVAL = 500;

/**
 * Watches the resident memory of these processes until it is stopped.
 *
 * @returns `stop`: what was seen of each; undefined where this system has no /proc to read it from.
 */
export function watchMemory<Name extends string>(processes: Readonly<Record<Name, Process>>) {
  const names = Object.keys(processes) as Name[];
  const samples = new Map<Name, number[]>(names.map((name) => [name, []]));
  const sample = async (): Promise<void> => {
    for (const [name, seen] of samples) {
      const resident = await residentMemory(processes[name].pid);
      if (resident !== undefined) seen.push(resident);
    }
  };
  let sampling = sample();
  const timer = setInterval(() => {
    sampling = sampling.then(sample);
  }, INTERVAL);
  return {
    async stop(): Promise<Record<Name, MemoryUse | undefined>> {
      clearInterval(timer);
      await sampling;
      await sample();
      const uses = [...samples].map(([name, seen]) => [name, summarise(seen)]);
      return Object.fromEntries(uses) as Record<Name, MemoryUse | undefined>;
    },
  };
}

/** In bytes; undefined where there is no such process, or no /proc. */
async function residentMemory(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function summarise(seen: readonly number[]): MemoryUse | undefined {
  const [start] = seen;
  const end = seen.at(-1);
  if (start === undefined || end === undefined) return undefined;
  const middle = Math.ceil(seen.length / 2);
  const growth = mean(seen.slice(-middle)) / mean(seen.slice(0, middle));
  return { start, peak: Math.max(...seen), end, growth };
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
