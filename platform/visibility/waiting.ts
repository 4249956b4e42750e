import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { queries } from '../../domain/addresses.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { listWorkflows } from './executions.ts';

/** An item that waits in a mailbox or a relay, which has this workflow id. */
export type WaitingItem = WaitingView & { readonly workflowId: string };

/** Lists the ids of all mailboxes and relays. */
export async function* listCarriers(client: Client): AsyncGenerator<string, void, void> {
  const query = `WorkflowType IN ('mailbox', 'relay') AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of listWorkflows(client, query)) yield workflowId;
}

/** Lists what waits in every mailbox and relay whose worker answers. */
export async function listWaiting(client: Client): Promise<WaitingItem[]> {
  const waitingInAll = await pMap(listCarriers(client), (id) => waitingIn(client, id), { concurrency: 16 });
  return waitingInAll.flat();
}

/** Lists what waits in a mailbox or relay; nothing if it has ended, or its worker does not answer. */
export async function waitingIn(client: Client, workflowId: string): Promise<WaitingItem[]> {
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
