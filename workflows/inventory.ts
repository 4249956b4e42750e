import { proxyActivities } from '@temporalio/workflow';
import { READ_BUDGET } from '../domain/policies.ts';
import { parseReceipt, parseSkus, type Receipt, type StockLevel } from '../domain/stock.ts';
import { asWorkflowFailure } from './order/failures.ts';
import { optionsOf } from './order/participants.ts';
import { pinned } from './order/pinned.ts';

export { deliverEvent } from './exchange/deliver-event.ts';
export { relay } from './exchange/relay.ts';
export { reapHolds } from './recovery/reap-holds.ts';

type Desk = {
  'inventory.receive'(receipt: Receipt): Promise<StockLevel>;
  'inventory.readStock'(skus: readonly string[]): Promise<StockLevel[]>;
};

const desk = proxyActivities<Desk>({ taskQueue: 'inventory', ...optionsOf('settle', 'inventory.receive') });
const reads = proxyActivities<Desk>({
  taskQueue: 'inventory',
  ...optionsOf('read', 'inventory.readStock'),
  scheduleToCloseTimeout: READ_BUDGET,
});

/** Adds a delivery to the stock, once, even where the inventory is down when it arrives. */
export async function restock(receipt: Receipt): Promise<StockLevel> {
  return desk['inventory.receive'](asWorkflowFailure(() => parseReceipt(receipt)));
}

pinned(restock);

/** The levels of these SKUs, or of all where the list is empty. */
export async function readStock(skus: readonly string[]): Promise<StockLevel[]> {
  return reads['inventory.readStock'](asWorkflowFailure(() => parseSkus(skus)));
}
