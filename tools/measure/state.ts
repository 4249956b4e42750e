import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { Db } from 'mongodb';
import pMap from 'p-map';
import type * as inventory from '../../activities/inventory/documents.ts';
import type { OrderDocument } from '../../activities/orders/participant.ts';
import { findAllEvents } from '../../client/events.ts';
import { firstInput } from '../../client/history.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { defined } from '../../domain/defined.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import { parsePlaceOrderInput } from '../../domain/place-order.ts';
import { parseReceipt } from '../../domain/stock.ts';
import { listMailboxes } from '../../platform/visibility/stuck-steps.ts';
import { waitingQuery } from '../../workflows/order/messages.ts';

export type OrderExecution = Readonly<Awaited<ReturnType<typeof readOrderExecution>>>;
export type DeliveryExecution = Awaited<ReturnType<typeof readDeliveryExecution>>;
export type State = Awaited<ReturnType<typeof readState>>;

export interface Sources {
  readonly client: Client;
  readonly databases: { readonly orders: Db; readonly inventory: Db };
}

/** Reads all that MongoDB and Temporal know. Call it when nothing is in flight: it isn't read in one moment. */
export async function readState({ client, databases }: Sources) {
  const { stock, reservations, receipts, orders } = collectionsIn(databases);
  /** Of the workflows that placed orders, and of those that the reaper has started. */
  const executions = await readAll(client, 'placeOrder', readOrderExecution);
  const resolutions = await readAll(client, 'resolveOrder', readOrderExecution);
  const deliveries = await readAll(client, 'restock', readDeliveryExecution);
  const sweeps = await readAll(client, 'reapHolds', async (_, sweep) => sweep);
  return {
    ...{ executions, resolutions, deliveries },
    stock: await stock.find().sort({ _id: 1 }).toArray(),
    reservations: await reservations.find().toArray(),
    receipts: await receipts.find().toArray(),
    orders: await orders.find().toArray(),
    sweeps: sweeps.flatMap(({ startTime: startedAt, closeTime: closedAt, status }) =>
      closedAt === undefined || status.name !== 'COMPLETED' ? [] : [{ startedAt, closedAt }],
    ),
    events: await findAllEvents(client),
    mailboxes: await readMailboxes(client),
  };
}

export function collectionsIn(databases: Sources['databases']) {
  return {
    orders: databases.orders.collection<OrderDocument>('orders'),
    reservations: databases.inventory.collection<inventory.ReservationDocument>('reservations'),
    stock: databases.inventory.collection<inventory.StockDocument>('stock'),
    receipts: databases.inventory.collection<inventory.ReceiptDocument>('receipts'),
  };
}

const CONCURRENCY = { concurrency: 8 };

function readAll<Result>(
  client: Client,
  type: string,
  read: (client: Client, info: WorkflowExecutionInfo) => Promise<Result>,
): Promise<Result[]> {
  const found = client.workflow.list({ query: `WorkflowType = '${type}'` });
  return pMap(found, (info) => read(client, info), CONCURRENCY);
}

/** Asks the run of a workflow that places or resolves an order, because the list may lag behind. */
async function readOrderExecution(client: Client, info: WorkflowExecutionInfo) {
  const { workflowId, runId } = info;
  const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
  const { status, startTime, closeTime } = await handle.describe();
  const { order, strategy } = parsePlaceOrderInput(await firstInput(client, workflowId));
  const outcome = status.name === 'COMPLETED' ? ((await handle.result()) as OrderOutcome) : undefined;
  const { orderId } = order;
  const common = { orderId, workflowId, runId, status: status.name, startedAt: startTime, order, strategy };
  return defined({ ...common, closedAt: closeTime, outcome });
}

async function readDeliveryExecution(client: Client, { workflowId, runId }: WorkflowExecutionInfo) {
  const { status } = await client.workflow.getHandle(workflowId, runId).describe();
  const receipt = parseReceipt(await firstInput(client, workflowId));
  return { receiptId: receipt.receiptId, status: status.name, receipt };
}

export interface Mailbox {
  readonly workflowId: string;
  /** Announcements that it has still to handle; absent if it doesn't answer. */
  readonly waiting?: readonly WaitingView[];
  /** Whether it handles something now, which is no longer in `waiting`. */
  readonly isBusy: boolean;
}

// Milliseconds. Temporal waits ten seconds for the worker that knew the workflow, before it asks another.
const QUERY_TIMEOUT = 20_000;

export function readMailboxes(client: Client): Promise<Mailbox[]> {
  return pMap(listMailboxes(client), ({ workflowId }) => readMailbox(client, workflowId), CONCURRENCY);
}

async function readMailbox(client: Client, workflowId: string): Promise<Mailbox> {
  const handle = client.workflow.getHandle(workflowId);
  const waiting = await client
    .withDeadline(Date.now() + QUERY_TIMEOUT, () => handle.query(waitingQuery))
    .catch(() => undefined);
  // Asked second: what was signalled before the query is handled by now, or is seen here.
  const { raw } = await handle.describe();
  const isBusy = (raw.pendingActivities ?? []).length > 0;
  return defined({ workflowId, isBusy, waiting });
}
