import { setTimeout as delay } from 'node:timers/promises';
import { identify } from '../dev/processes.ts';
import { readActivityFaults } from './fault-log.ts';
import type { Sources } from './state.ts';

/** How often to look. Milliseconds. */
const INTERVAL = 500;

/**
 * Waits until every workflow has ended, and every attempt that comes too late has written what it had to write; at most
 * so many milliseconds.
 */
export async function untilQuiet(sources: Sources, faultLog: string, limit: number): Promise<void> {
  const deadline = Date.now() + limit;
  while (Date.now() < deadline) {
    if ((await noneIsRunning(sources)) && !(await someTryIsLate(faultLog))) return;
    await delay(INTERVAL);
  }
}

/** The list of workflows may lag behind, so what it says has ended is asked itself when the state is read. */
async function noneIsRunning({ client }: Sources): Promise<boolean> {
  const { count } = await client.workflow.count(
    "ExecutionStatus = 'Running' AND WorkflowType IN ('placeOrder', 'restock')",
  );
  return count === 0;
}

async function someTryIsLate(faultLog: string): Promise<boolean> {
  const open = (await readActivityFaults(faultLog)).filter(({ until }) => until === undefined);
  const alive = await Promise.all(open.map(async ({ pid }) => (await identify(pid)) !== undefined));
  return alive.includes(true);
}
