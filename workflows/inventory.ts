import type { Page, PageOptions } from '../domain/page.ts';
import { parseReceipt, parseStockQuestion, type Receipt, type StockLevel } from '../domain/stock.ts';
import { inventory, reading, settling } from './contract/activities.ts';
import { asWorkflowFailure } from './order/failures.ts';
import { pinned } from './order/pinned.ts';

export { reapHolds } from './recovery/reap-holds.ts';

/** Adds a receipt to the stock, once, even if the inventory is down when it arrives. */
export async function restock(receipt: Receipt): Promise<StockLevel> {
  return inventory(settling)['inventory.receive'](asWorkflowFailure(() => parseReceipt(receipt)));
}

pinned(restock);

/** Returns the levels of these SKUs, or a page of all if the list is empty. */
export async function readStock(skus: readonly string[], page: PageOptions = {}): Promise<Page<StockLevel>> {
  // Passed on as it came: the service fills in the defaults.
  asWorkflowFailure(() => parseStockQuestion(skus, page));
  return inventory(reading)['inventory.readStock'](skus, page);
}
