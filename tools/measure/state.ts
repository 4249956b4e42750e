import type { Client, WorkflowExecutionInfo, WorkflowExecutionStatusName } from '@temporalio/client';
import type { Db } from 'mongodb';
import pMap from 'p-map';
import type {
  ReceiptDocument,
  ReservationDocument,
  StockDocument,
} from '../../activities/inventory/documents.ts';
import type { OrderDocument } from '../../activities/orders/participant.ts';
import { firstInput } from '../../client/history.ts';
import type { Order, OrderOutcome } from '../../domain/order.ts';
import { parsePlaceOrderInput } from '../../domain/place-order.ts';
import { parseReceipt } from '../../domain/stock.ts';
import type { Strategy } from '../../domain/strategies.ts';
import { readCarriers, readEventDeliveries } from './carriers.ts';

/** One run of a workflow that places or resolves an order. */
export interface OrderExecution {
  readonly orderId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly status: WorkflowExecutionStatusName;
  readonly startedAt: Date;
  readonly closedAt?: Date;
  /** What it was started with. */
  readonly order: Order;
  readonly strategy: Strategy;
  /** What it returned; nothing where it has not, or has failed. */
  readonly outcome?: OrderOutcome;
}

/** One run of the workflow of a delivery. */
export type DeliveryExecution = Awaited<ReturnType<typeof readDeliveryExecution>>;

/** All that MongoDB and Temporal know. */
export type State = Awaited<ReturnType<typeof readState>>;

/** Where the state is. */
export interface Sources {
  readonly client: Client;
  readonly databases: { readonly orders: Db; readonly inventory: Db };
}

/** Reads everything. What changes meanwhile is seen here and not there, so let nothing be in flight. */
export async function readState({ client, databases }: Sources) {
  const { orders, inventory } = databases;
  const documents = await orders.collection<OrderDocument>('orders').find().toArray();
  const executions = await listAll(client, 'placeOrder');
  const resolutions = await listAll(client, 'resolveOrder');
  const sweeps = await listAll(client, 'reapHolds');
  const deliveries = await listAll(client, 'restock');
  return {
    stock: await readStock(inventory),
    reservations: await inventory.collection<ReservationDocument>('reservations').find().toArray(),
    receipts: await inventory.collection<ReceiptDocument>('receipts').find().toArray(),
    orders: documents,
    /** Of the workflows that placed orders, and of those that settled what was left of them. */
    executions: await pMap(executions, (info) => readOrderExecution(client, info), CONCURRENCY),
    resolutions: await pMap(resolutions, (info) => readOrderExecution(client, info), CONCURRENCY),
    /** Each look of the reaper. */
    sweeps: sweeps.flatMap(({ startTime, closeTime, status }) =>
      closeTime === undefined || status.name !== 'COMPLETED'
        ? []
        : [{ startedAt: startTime, closedAt: closeTime }],
    ),
    deliveries: await pMap(deliveries, (info) => readDeliveryExecution(client, info), CONCURRENCY),
    /** Of events to their subscribers. */
    eventDeliveries: await readEventDeliveries(client),
    carriers: await readCarriers(client),
  };
}

/** The stock documents as they are now: each by itself is consistent. */
export function readStock(inventory: Db): Promise<StockDocument[]> {
  return inventory.collection<StockDocument>('stock').find().sort({ _id: 1 }).toArray();
}

const CONCURRENCY = { concurrency: 8 };

async function listAll(client: Client, type: string): Promise<WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  for await (const info of client.workflow.list({ query: `WorkflowType = '${type}'` })) found.push(info);
  return found;
}

/** The list may lag behind, so each run is asked itself. */
async function readOrderExecution(
  client: Client,
  { workflowId, runId }: WorkflowExecutionInfo,
): Promise<OrderExecution> {
  const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
  const { status, startTime, closeTime } = await handle.describe();
  const { order, strategy } = parsePlaceOrderInput(await firstInput(client, workflowId));
  return {
    orderId: order.orderId,
    workflowId,
    runId,
    status: status.name,
    startedAt: startTime,
    order,
    strategy,
    ...(closeTime === undefined ? {} : { closedAt: closeTime }),
    ...(status.name === 'COMPLETED' ? { outcome: (await handle.result()) as OrderOutcome } : {}),
  };
}

async function readDeliveryExecution(client: Client, { workflowId, runId }: WorkflowExecutionInfo) {
  const { status } = await client.workflow.getHandle(workflowId, runId).describe();
  const receipt = parseReceipt(await firstInput(client, workflowId));
  return { receiptId: receipt.receiptId, status: status.name, receipt };
}
