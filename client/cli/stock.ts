import { randomUUID } from 'node:crypto';
import { ConcordError } from '../../domain/errors.ts';
import { parseReceipt, parseSkus, type StockLevel } from '../../domain/stock.ts';
import { interruptible } from './shared/interrupt.ts';
import { type Output, safe, table } from './shared/output.ts';
import type { Session } from './shared/session.ts';

/** `stock [SKU...]` */
export async function showStock(skus: readonly string[], session: Session): Promise<void> {
  parseSkus(skus);
  const { concord } = await session.connect();
  const levels = await session.output.during('asking the inventory', concord.stock(skus));
  await printLevels(levels, session.output);
}

export interface RestockFlags {
  readonly receiptId?: string;
}

/** `restock SKU QUANTITY` */
export async function addStock(
  sku: string,
  quantity: number,
  flags: RestockFlags,
  session: Session,
): Promise<void> {
  const { receiptId } = parseReceipt({ receiptId: flags.receiptId ?? randomUUID(), sku, quantity });
  const { concord } = await session.connect();
  session.subject = { receiptId };
  const adding = interruptible(
    concord.restock(sku, quantity, { receiptId }),
    () =>
      `delivery ${receiptId} may have been accepted; repeat it with this --receipt-id, which adds it once`,
  );
  const level = await session.output.during(`adding delivery ${receiptId}`, adding).catch((error) => {
    throw repeatable(error, receiptId);
  });
  await printLevels([level], session.output, { ...level, receiptId });
}

/** Where the answer was lost, the delivery may have been added, and its id is what makes repeating it harmless. */
function repeatable(error: unknown, receiptId: string): unknown {
  if (!(error instanceof ConcordError) || error.code !== 'Unreachable') return error;
  const { server, address } = error.details as ConcordError<'Unreachable'>['details'];
  const fix = `repeat it with --receipt-id ${receiptId}, which adds it once`;
  return new ConcordError('Unreachable', { server, address, fix }, { cause: error });
}

async function printLevels(
  levels: readonly StockLevel[],
  output: Output,
  document: unknown = levels,
): Promise<void> {
  const rows = levels.map(({ sku, available, reserved, sold, received }) => [
    safe(sku),
    available,
    reserved,
    sold,
    received,
  ]);
  await output.print({
    document,
    rows,
    terminal: () =>
      levels.length === 0
        ? 'no stock; add some with `concord restock SKU QUANTITY`'
        : table(['sku', 'available', 'reserved', 'sold', 'received'], rows, output.colors),
  });
}
