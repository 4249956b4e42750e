import type { ServiceDependencies } from '../dependencies.ts';
import { createOutboxes, createRelay } from '../exchange/outbox.ts';
import { FULL_OUTBOXES, type Indexes } from '../mongodb/indexes.ts';
import { createInventoryService } from './announcing.ts';
import type { ReservationDocument, StockDocument } from './documents.ts';
import { createInventory } from './participant.ts';
import { createReaper } from './reaper.ts';
import { createStockKeeping } from './stock.ts';

/** All activities of the inventory, by the names that the Web UI shows. */
export type InventoryActivities = ReturnType<typeof createInventoryActivities>;

export function createInventoryActivities(dependencies: ServiceDependencies) {
  const { database, post, onLateHold } = dependencies;
  const stock = database.collection<StockDocument>('stock');
  const reservations = database.collection<ReservationDocument>('reservations');
  const inventory = createInventory({ stock, reservations }, {}, onLateHold);
  const outboxes = createOutboxes('inventory', database.collection('reservations'), post);
  const service = createInventoryService(inventory, { outboxes, post });
  const relay = createRelay(outboxes);
  const stockKeeping = createStockKeeping({ stock, receipts: database.collection('receipts') });
  const { settleDecided } = inventory;
  const reaper = createReaper({ ...dependencies, stock, reservations, settleDecided });
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

/**
 * What a new relay needs. The reaper reads all stock without one, once a minute: an index of held stock would cost every order
 * two more writes into it, and could not find a document whose holds are no list.
 */
export const inventoryIndexes: Indexes = { reservations: [FULL_OUTBOXES] };
