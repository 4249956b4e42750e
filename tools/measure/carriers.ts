import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { type Delivery, listDeliveries } from '../../client/deliveries.ts';
import { defined } from '../../domain/defined.ts';
import { type WaitingView, waitingQuery } from '../../workflows/order/messages.ts';

/** A mailbox or a relay. */
export interface Carrier {
  readonly workflowId: string;
  /** What it has still to handle; absent if it doesn't answer. */
  readonly waiting?: readonly WaitingView[];
  /** Whether it handles something now, which is no longer in `waiting`. */
  readonly isBusy: boolean;
}

export type EventDelivery = Pick<Delivery, 'event' | 'subscriber' | 'workflowId' | 'runId' | 'status'>;

const CONCURRENCY = { concurrency: 8 };
// Milliseconds. Temporal waits ten seconds for the worker that knew the workflow, before it asks another.
const QUERY_TIMEOUT = 20_000;

/** Reads every mailbox and relay. */
export async function readCarriers(client: Client): Promise<Carrier[]> {
  const found = client.workflow.list({
    query: `WorkflowType IN ('mailbox', 'relay') AND ExecutionStatus = 'Running'`,
  });
  return pMap(found, ({ workflowId }) => readCarrier(client, workflowId), CONCURRENCY);
}

/** Reads every delivery of an event, one for each time that it was started. */
export async function readEventDeliveries(client: Client): Promise<EventDelivery[]> {
  return pMap(listDeliveries(client), (delivery) => withNewestStatus(client, delivery), CONCURRENCY);
}

async function readCarrier(client: Client, workflowId: string): Promise<Carrier> {
  const handle = client.workflow.getHandle(workflowId);
  const waiting = await client
    .withDeadline(Date.now() + QUERY_TIMEOUT, () => handle.query(waitingQuery))
    .catch(() => undefined);
  // Asked second: what was signalled before the query is handled by now, or is seen here.
  const { raw } = await handle.describe();
  const isBusy = (raw.pendingActivities ?? []).length > 0;
  return defined({ workflowId, isBusy, waiting });
}

/** Asks those that run by the list, which may lag behind. */
async function withNewestStatus(client: Client, delivery: Delivery): Promise<EventDelivery> {
  if (delivery.status !== 'running') return delivery;
  const { workflowId, runId } = delivery;
  const { status } = await client.workflow.getHandle(workflowId, runId).describe();
  if (status.name === 'RUNNING') return delivery;
  return { ...delivery, status: status.name === 'COMPLETED' ? 'done' : 'stopped' };
}
