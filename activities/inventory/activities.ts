import type { ServiceDependencies } from '../dependencies.ts';
import { createOutboxes } from '../exchange/outbox.ts';
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
  const { settleDecided } = inventory;
  const outboxes = createOutboxes(database.collection('reservations'), dependencies, settleDecided);
  const service = createInventoryService(inventory, { outboxes, post });
  const stockKeeping = createStockKeeping({ stock, receipts: database.collection('receipts') });
  const reaper = createReaper({ ...dependencies, stock, reservations, settleDecided });
  return {
    'inventory.prepare': inventory.prepare,
    'inventory.commit': inventory.commit,
    'inventory.rollback': inventory.rollback,
    'inventory.inspect': inventory.inspect,
    'inventory.handle': service.handle,
    'inventory.confirmPublished': outboxes.confirmPublished,
    'inventory.findAnnouncements': outboxes.findAnnouncements,
    'inventory.publishLeftBehind': outboxes.publishLeftBehind,
    'inventory.receive': stockKeeping.receive,
    'inventory.readStock': stockKeeping.readStock,
    'inventory.findOrphans': reaper.findOrphans,
  };
}

/** What a sweep needs. An index of held stock would cost every order two more writes, and not find holds that are no list. */
export const inventoryIndexes: Indexes = { reservations: [FULL_OUTBOXES] };
