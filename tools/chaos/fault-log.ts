import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { identify } from '../servers/processes.ts';
import { realTime } from './clock.ts';

const entrySchema = z.object({
  kind: z.enum(['answer-lost', 'late-try', 'late-copy', 'held-up']),
  /** The activity: `inventory.prepare`. */
  target: z.string(),
  workflowId: z.string(),
  attempt: z.number(),
  pid: z.number(),
  /** When it began, and when the attempt that it hit was over. Milliseconds since 1970. */
  at: z.number(),
  until: z.number().optional(),
});

export type ActivityFault = z.infer<typeof entrySchema>;

/** Appends a fault to the file at once: the process may be killed in the next moment. @returns Logs its end. */
export function logActivityFault(file: string, fault: Omit<ActivityFault, 'pid' | 'at' | 'until'>) {
  const entry: ActivityFault = { ...fault, pid: process.pid, at: realTime() };
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
  return () => appendFileSync(file, `${JSON.stringify({ ...entry, until: realTime() })}\n`);
}

export async function readActivityFaults(file: string): Promise<ActivityFault[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const faults = new Map<string, ActivityFault>();
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const { until, ...fault } = entrySchema.parse(JSON.parse(line));
    faults.set(JSON.stringify(fault), until === undefined ? fault : { ...fault, until });
  }
  return [...faults.values()];
}

/** Whether an attempt that comes too late has still to write what it has to write. */
export async function isAnyTryLate(file: string): Promise<boolean> {
  const faults = await readActivityFaults(file);
  return faults.some(({ until, pid }) => until === undefined && identify(pid) !== undefined);
}
