import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import pRetry from 'p-retry';
import type {
  ReceiptDocument,
  ReservationDocument,
  StockDocument,
} from '../../activities/inventory/documents.ts';
import { createInventory } from '../../activities/inventory/participant.ts';
import { createStockKeeping } from '../../activities/inventory/stock.ts';
import { createOrders, type OrderDocument } from '../../activities/orders/participant.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import type { Stage } from './tool-stage.ts';

/** Both participants, called as a coordinator would, without one. */
export interface Participants {
  /** Takes orders numbered from `first` to before `end` through all phases, some of them to a rollback. */
  drive(sku: string, first: number, end: number): Promise<void>;
  /** The inventory's part in an order that is confirmed: prepare and commit. */
  sell(sku: string): Promise<void>;
  receive(sku: string, quantity: number): Promise<void>;
  readonly collections: ReturnType<typeof collectionsOf>;
}

/** One order in so many is rolled back after it is prepared, and one while its prepare is still running. */
const ROLLED_BACK = 10;
const OVERTAKEN = 20;
const CONCURRENCY = 16;

export function createParticipants({ databases }: Pick<Stage, 'databases'>): Participants {
  const collections = collectionsOf(databases);
  const { stock, reservations, receipts } = collections;
  const inventory = createInventory({ stock, reservations });
  const desk = createStockKeeping({ stock, receipts });
  const orders = createOrders(collections.orders);

  const prepare = async (request: ParticipantRequest) => {
    await Promise.all([orders.prepare(request), inventory.prepare(request)]);
  };
  const rollback = async (request: RollbackRequest) => {
    await insist(() => orders.decide(request));
    await insist(() => inventory.rollback(request));
  };

  const take = async (sku: string, index: number) => {
    const request = requestOf(`growth-${index}`, sku);
    if (index % OVERTAKEN === 1) {
      // As where an attempt was given up, but still runs: its order leaves a tombstone.
      const prepared = prepare(request).catch(ignoreRefusal);
      await rollback(cancelled(request));
      return prepared;
    }
    await insist(() => prepare(request));
    if (index % ROLLED_BACK === 0) return rollback(cancelled(request));
    await insist(async () => {
      await orders.decide({ ...request, status: 'confirmed' });
      await inventory.commit(request);
    });
  };

  return {
    collections,
    async drive(sku, first, end) {
      const indexes = Array.from({ length: end - first }, (_, offset) => first + offset);
      await pMap(indexes, (index) => take(sku, index), { concurrency: CONCURRENCY });
    },
    async sell(sku) {
      const request = requestOf(`measured-${randomUUID()}`, sku);
      await inventory.prepare(request);
      await inventory.commit(request);
    },
    async receive(sku, quantity) {
      await desk.receive({ receiptId: randomUUID(), sku, quantity });
    },
  };
}

function collectionsOf({ orders, inventory }: Stage['databases']) {
  return {
    stock: inventory.collection<StockDocument>('stock'),
    reservations: inventory.collection<ReservationDocument>('reservations'),
    receipts: inventory.collection<ReceiptDocument>('receipts'),
    orders: orders.collection<OrderDocument>('orders'),
  };
}

function requestOf(orderId: string, sku: string): ParticipantRequest {
  const order = { orderId, customerId: 'customer', lines: [{ sku, quantity: 1 }] };
  return { order, transaction: randomUUID(), placedAt: new Date().toISOString() };
}

function cancelled(request: ParticipantRequest): RollbackRequest {
  return { ...request, status: 'cancelled', reason: { code: 'Cancelled', message: 'changed their mind' } };
}

/** As a coordinator does: what can succeed later is tried again. */
function insist(call: () => Promise<unknown>): Promise<unknown> {
  const shouldRetry = ({ error }: { error: Error }) => !(error instanceof ConcordError) || error.retryable;
  return pRetry(call, { retries: 8, minTimeout: 20, shouldRetry });
}

/** A prepare that was overtaken is refused, as it should be. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ConcordError)) throw error;
}
