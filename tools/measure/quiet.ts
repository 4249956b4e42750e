import { setTimeout as delay } from 'node:timers/promises';
import { readCarriers } from './carriers.ts';
import type { Sources } from './state.ts';

/** How often to look. Milliseconds. */
const INTERVAL = 500;

/**
 * Waits until every workflow has ended, nothing that was announced is under way, and nobody else is at work; gives up where
 * none has ended for so many milliseconds, because a slow machine is no violation.
 */
export async function untilQuiet(
  sources: Sources,
  patience = 60_000,
  isAtWork: () => Promise<boolean> = async () => false,
): Promise<void> {
  let fewest = Number.POSITIVE_INFINITY;
  let quietLooks = 0;
  for (let deadline = Date.now(); Date.now() <= deadline; await delay(INTERVAL)) {
    const open = await countOpen(sources);
    quietLooks = open === 0 && !(await isAtWork()) ? quietLooks + 1 : 0;
    // What has only just been started is in no list yet.
    if (quietLooks === 2) return;
    if (open < fewest) deadline = Date.now() + patience;
    fewest = Math.min(fewest, open);
  }
}

/** Who has ended may have left something to tell, so that is asked last. */
async function countOpen(sources: Sources): Promise<number> {
  const running = await countRunning(sources);
  return running > 0 ? running : countUntold(sources);
}

/**
 * A sweep that still runs may begin to settle something. The list of workflows may lag behind, so what it says has
 * ended is asked itself when the state is read.
 */
async function countRunning({ client }: Sources): Promise<number> {
  const { count } = await client.workflow.count(
    "ExecutionStatus = 'Running' AND WorkflowType IN ('placeOrder', 'resolveOrder', 'reapHolds', 'restock', 'deliverEvent')",
  );
  return count;
}

async function countUntold({ client, databases }: Sources): Promise<number> {
  const carriers = await readCarriers(client);
  // One that doesn't answer has something to do at least.
  const waiting = carriers.map((carrier) => (carrier.isBusy ? 1 : 0) + (carrier.waiting?.length ?? 1));
  const full = { 'outbox.0': { $exists: true } };
  const orders = await databases.orders.collection('orders').countDocuments(full);
  const reservations = await databases.inventory.collection('reservations').countDocuments(full);
  return waiting.reduce((sum, count) => sum + count, orders + reservations);
}
