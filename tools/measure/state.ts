import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { Db } from 'mongodb';
import pMap from 'p-map';
import type {
  ReceiptDocument,
  ReservationDocument,
  StockDocument,
} from '../../activities/inventory/documents.ts';
import type { OrderDocument } from '../../activities/orders/participant.ts';
import { type Delivery, listDeliveries } from '../../client/deliveries.ts';
import { firstInput } from '../../client/history.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { defined } from '../../domain/defined.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import { parsePlaceOrderInput } from '../../domain/place-order.ts';
import { parseReceipt } from '../../domain/stock.ts';
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
  const executions = await listAll(client, 'placeOrder');
  const resolutions = await listAll(client, 'resolveOrder');
  const sweeps = await listAll(client, 'reapHolds');
  const deliveries = await listAll(client, 'restock');
  return {
    stock: await stock.find().sort({ _id: 1 }).toArray(),
    reservations: await reservations.find().toArray(),
    receipts: await receipts.find().toArray(),
    orders: await orders.find().toArray(),
    /** Of the workflows that placed orders, and of those that the reaper has started. */
    executions: await pMap(executions, (info) => readOrderExecution(client, info), CONCURRENCY),
    resolutions: await pMap(resolutions, (info) => readOrderExecution(client, info), CONCURRENCY),
    /** Each look of the reaper. */
    sweeps: sweeps.flatMap(({ startTime: startedAt, closeTime: closedAt, status }) =>
      closedAt === undefined || status.name !== 'COMPLETED' ? [] : [{ startedAt, closedAt }],
    ),
    deliveries: await pMap(deliveries, (info) => readDeliveryExecution(client, info), CONCURRENCY),
    /** Of events to their subscribers. */
    eventDeliveries: await readEventDeliveries(client),
    carriers: await readCarriers(client),
  };
}

export function collectionsIn({ orders, inventory }: Sources['databases']) {
  return {
    orders: orders.collection<OrderDocument>('orders'),
    reservations: inventory.collection<ReservationDocument>('reservations'),
    stock: inventory.collection<StockDocument>('stock'),
    receipts: inventory.collection<ReceiptDocument>('receipts'),
  };
}

const CONCURRENCY = { concurrency: 8 };

async function listAll(client: Client, type: string): Promise<WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  for await (const info of client.workflow.list({ query: `WorkflowType = '${type}'` })) found.push(info);
  return found;
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

/** A mailbox or a relay. */
export interface Carrier {
  readonly workflowId: string;
  /** Announcements that it has still to handle; absent if it doesn't answer. */
  readonly waiting?: readonly WaitingView[];
  /** Whether it handles something now, which is no longer in `waiting`. */
  readonly isBusy: boolean;
}

export type EventDelivery = Pick<Delivery, 'event' | 'subscriber' | 'workflowId' | 'runId' | 'status'>;

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
