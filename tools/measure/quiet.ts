import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { listMailboxes } from '../../platform/visibility/stuck-steps.ts';
import { tryNowSignal } from '../../workflows/order/messages.ts';
import { collectionsIn, readMailboxes, type Sources } from './state.ts';
import { sum } from './statistics.ts';

/** Waits until nothing is under way. Gives up if nothing has ended for so long: a slow machine is no violation. */
export async function untilQuiet(sources: Sources, patience = 60_000, isAtWork = async () => false) {
  let fewest = Number.POSITIVE_INFINITY;
  let quietLooks = 0;
  for (let deadline = Date.now(); Date.now() <= deadline; await delay(500)) {
    const open = await countOpen(sources);
    quietLooks = open === 0 && !(await isAtWork()) ? quietLooks + 1 : 0;
    // What has just been started is in no list yet.
    if (quietLooks === 2) return;
    if (open < fewest) deadline = Date.now() + patience;
    fewest = Math.min(fewest, open);
  }
}

// A sweep that still runs may begin to settle something.
const TYPES = "('placeOrder', 'resolveOrder', 'reapHolds', 'restock')";

async function countOpen({ client, databases }: Sources): Promise<number> {
  // This list may lag behind, so those that have ended by it are asked when the state is read.
  const query = `ExecutionStatus = 'Running' AND WorkflowType IN ${TYPES}`;
  const running = await client.workflow.count(query);
  if (running.count > 0) return running.count;
  // Asked last: a workflow that has ended may have left something to tell.
  const mailboxes = await readMailboxes(client);
  // One that doesn't answer has at least one thing to do.
  const waiting = sum(mailboxes.map(({ isBusy, waiting }) => (isBusy ? 1 : 0) + (waiting?.length ?? 1)));
  const full = await countFullOutboxes(databases);
  if (waiting === 0 && full > 0) await emptyOutboxes(client);
  return waiting + full;
}

export async function countFullOutboxes(databases: Sources['databases']): Promise<number> {
  const { orders, reservations } = collectionsIn(databases);
  const full = { 'outbox.0': { $exists: true } };
  return (await orders.countDocuments(full)) + (await reservations.countDocuments(full));
}

/** Has mailboxes do now what they do half a minute after all receivers have what is in an outbox. */
export async function emptyOutboxes(client: Client): Promise<void> {
  for await (const { workflowId } of listMailboxes(client))
    await client.workflow.getHandle(workflowId).signal(tryNowSignal, '');
}

/** Looks every so many milliseconds. @returns Stops it after a last look; throws what a look has thrown. */
export function keepLooking(interval: number, look: () => Promise<void>): () => Promise<void> {
  const stopping = new AbortController();
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await look();
      await delay(interval, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await look();
  })();
  looking.catch(() => {}); // told to who stops it
  return async () => {
    stopping.abort();
    await looking;
  };
}
