import { parseReceipt, parseSkus, type Receipt, type StockLevel } from '../domain/stock.ts';
import { inventory, reading, settling } from './contract/activities.ts';
import { asWorkflowFailure } from './order/failures.ts';
import { pinned } from './order/pinned.ts';

export { deliverEvent } from './exchange/deliver-event.ts';
export { relay } from './exchange/relay.ts';
export { reapHolds } from './recovery/reap-holds.ts';

/** Adds a receipt to the stock, once, even if the inventory is down when it arrives. */
export async function restock(receipt: Receipt): Promise<StockLevel> {
  return inventory(settling)['inventory.receive'](asWorkflowFailure(() => parseReceipt(receipt)));
}

pinned(restock);

/** Returns the levels of these SKUs, or of all if the list is empty. */
export async function readStock(skus: readonly string[]): Promise<StockLevel[]> {
  return inventory(reading)['inventory.readStock'](asWorkflowFailure(() => parseSkus(skus)));
}
