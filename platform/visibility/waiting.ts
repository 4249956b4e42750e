import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { queries } from '../../domain/addresses.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { listWorkflows, type Named } from './executions.ts';

/** Lists all mailboxes and relays. */
export function listCarriers(client: Client): AsyncIterable<Named> {
  return listWorkflows(client, "WorkflowType IN ('mailbox', 'relay') AND ExecutionStatus = 'Running'");
}

/** Lists what waits in every mailbox and relay whose worker answers. */
export async function listWaiting(client: Client) {
  const waitingHere = (carrier: Named) => waitingIn(client, carrier);
  return (await pMap(listCarriers(client), waitingHere, { concurrency: 16 })).flat();
}

/** Lists what waits in a mailbox or relay; nothing if it has ended, or its worker does not answer. */
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
