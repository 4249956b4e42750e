import { setTimeout as delay } from 'node:timers/promises';
import { identify } from '../dev/processes.ts';
import { readActivityFaults } from './fault-log.ts';
import type { Sources } from './state.ts';

/** How often to look. Milliseconds. */
const INTERVAL = 500;

/**
 * Waits until every workflow has ended, and every attempt that comes too late has written what it had to write; gives up
 * where none has ended for so many milliseconds, because a slow machine is no violation.
 */
export async function untilQuiet(sources: Sources, faultLog: string, patience: number): Promise<void> {
  let fewest = Number.POSITIVE_INFINITY;
  for (let deadline = Date.now(); Date.now() <= deadline; await delay(INTERVAL)) {
    const running = await countRunning(sources);
    if (running === 0 && !(await someTryIsLate(faultLog))) return;
    if (running < fewest) deadline = Date.now() + patience;
    fewest = Math.min(fewest, running);
  }
}

/**
 * A sweep that still runs may begin to settle something. The list of workflows may lag behind, so what it says has
 * ended is asked itself when the state is read.
 */
async function countRunning({ client }: Sources): Promise<number> {
  const { count } = await client.workflow.count(
    "ExecutionStatus = 'Running' AND WorkflowType IN ('placeOrder', 'resolveOrder', 'reapHolds', 'restock')",
  );
  return count;
}

async function someTryIsLate(faultLog: string): Promise<boolean> {
  const open = (await readActivityFaults(faultLog)).filter(({ until }) => until === undefined);
  const alive = await Promise.all(open.map(async ({ pid }) => (await identify(pid)) !== undefined));
  return alive.includes(true);
}
