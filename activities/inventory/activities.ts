import type { Db } from 'mongodb';
import type { Skipped } from '../../domain/sweeps.ts';
import type { Coordinators } from '../coordinator.ts';
import { createOutboxes } from '../exchange/outbox.ts';
import type { Post } from '../exchange/post.ts';
import { createRelay } from '../exchange/publishing.ts';
import { createInventoryService } from './announcing.ts';
import { DEFAULT_INVENTORY_LIMITS, type ReservationDocument, type StockDocument } from './documents.ts';
import { createInventory, type LateHold } from './participant.ts';
import { createReaper, type HoldObserver } from './reaper.ts';
import { createStockKeeping } from './stock.ts';

export interface InventoryDependencies {
  /** The inventory's own. */
  readonly database: Db;
  /** How it reaches the other services. */
  readonly post: Post;
  readonly coordinators: Coordinators;
  /** Told how old holds are; absent where nobody wants to know. */
  readonly observeHolds?: HoldObserver | undefined;
  /** Told of each hold that was released because it came after its order was settled. */
  readonly onLateHold: (late: LateHold) => void;
  /** Told of what a sweep has left alone. */
  readonly report: (skipped: Skipped) => void;
}

/** All activities of the inventory, by the names that the Web UI shows. */
export type InventoryActivities = ReturnType<typeof createInventoryActivities>;

/** Every activity that the inventory's worker registers. */
export function createInventoryActivities({
  database,
  post,
  coordinators,
  observeHolds,
  onLateHold,
  report,
}: InventoryDependencies) {
  const stock = database.collection<StockDocument>('stock');
  const reservations = database.collection<ReservationDocument>('reservations');
  const inventory = createInventory({ stock, reservations }, DEFAULT_INVENTORY_LIMITS, onLateHold);
  const outboxes = createOutboxes('inventory', database.collection('reservations'), post);
  const service = createInventoryService(inventory, { outboxes, post });
  const relay = createRelay(outboxes);
  const stockKeeping = createStockKeeping({ stock, receipts: database.collection('receipts') });
  const { settleDecided } = inventory;
  const reaper = createReaper({
    ...{ stock, reservations, coordinators, settleDecided, report },
    observe: observeHolds,
  });
  return {
    'inventory.prepare': inventory.prepare,
    'inventory.commit': inventory.commit,
    'inventory.rollback': inventory.rollback,
    'inventory.inspect': inventory.inspect,
    'inventory.handleMessages': service.handleMessages,
    'inventory.onOrderPlaced': service.handleEvent,
    'inventory.onOrderConfirmed': service.handleEvent,
    'inventory.onOrderRejected': service.handleEvent,
    'inventory.onOrderCancelled': service.handleEvent,
    'inventory.publish': relay.publish,
    'inventory.findUnpublished': relay.findUnpublished,
    'inventory.receive': stockKeeping.receive,
    'inventory.readStock': stockKeeping.readStock,
    'inventory.findOrphans': reaper.findOrphans,
  };
}
