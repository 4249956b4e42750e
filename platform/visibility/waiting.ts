import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { queries } from '../../domain/addresses.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { listWorkflows } from './executions.ts';

/** Something that waits in a mailbox or a relay. */
export interface WaitingItem extends WaitingView {
  /** The mailbox's or relay's. */
  readonly workflowId: string;
}

/** The ids of the mailboxes and relays that there are. */
export async function* listCarriers(client: Client): AsyncGenerator<string, void, void> {
  const query = `WorkflowType IN ('mailbox', 'relay') AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of listWorkflows(client, query)) yield workflowId;
}

/** What waits in every mailbox and relay whose worker answers. */
export async function listWaiting(client: Client): Promise<WaitingItem[]> {
  return (await pMap(listCarriers(client), (workflowId) => waitingIn(client, workflowId), AT_ONCE)).flat();
}

/** What waits in a mailbox or relay; nothing where it has ended, or its worker does not answer. */
export async function waitingIn(client: Client, workflowId: string): Promise<WaitingItem[]> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const waiting = await client.withDeadline(Date.now() + QUERY_TIMEOUT, () =>
      handle.query<WaitingView[]>(queries.waiting),
    );
    return waiting.map((item) => ({ ...item, workflowId }));
  } catch {
    return [];
  }
}

const AT_ONCE = { concurrency: 16 };
// A query needs a worker; where there is none, what waits can't be seen.
const QUERY_TIMEOUT = 3_000;
