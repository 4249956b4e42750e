import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { queries } from '../../domain/addresses.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { listWorkflows } from './listing.ts';

/** Something that waits in a mailbox or a relay. */
export interface WaitingItem extends WaitingView {
  /** The mailbox's or relay's. */
  readonly workflowId: string;
}

/** What waits in every mailbox and relay whose worker answers. */
export async function listWaiting(client: Client): Promise<WaitingItem[]> {
  const query = `WorkflowType IN ('mailbox', 'relay') AND ExecutionStatus = 'Running'`;
  const found = await pMap(
    listWorkflows(client, query),
    ({ workflowId }) => waitingIn(client, workflowId),
    AT_ONCE,
  );
  return found.flat();
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
