import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { queries } from '../../domain/addresses.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { listWorkflows, type Named } from './executions.ts';

export function listMailboxes(client: Client): AsyncIterable<Named> {
  return listWorkflows(client, "WorkflowType = 'mailbox' AND ExecutionStatus = 'Running'");
}

/** Lists what waits in every mailbox whose worker answers. */
export async function listWaiting(client: Client) {
  const waitingHere = (mailbox: Named) => waitingIn(client, mailbox);
  return (await pMap(listMailboxes(client), waitingHere, { concurrency: 16 })).flat();
}

/** Names what waits as people know it, such as `OrderConfirmed to notifications`. */
export function waitingName({ type, receiver }: Pick<WaitingView, 'type' | 'receiver'>): string {
  return `${type} to ${receiver}`;
}

/** Lists what waits in a mailbox; nothing if it has ended, or its worker does not answer. */
export async function waitingIn(client: Client, { workflowId }: Named) {
  const query = () => client.workflow.getHandle(workflowId).query<WaitingView[]>(queries.waiting);
  try {
    const waiting = await client.withDeadline(Date.now() + QUERY_TIMEOUT, query);
    return waiting.map((item) => ({ ...item, workflowId }));
  } catch {
    return [];
  }
}

// Only a worker answers a query. Milliseconds.
const QUERY_TIMEOUT = 3_000;
