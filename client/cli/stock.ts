import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { ConcordError } from '../../domain/errors.ts';
import { parseReceipt, parseSkus, type StockLevel } from '../../domain/stock.ts';
import { interruptible } from './interrupt.ts';
import { wholeNumber } from './orders.ts';
import { type Output, safe, table } from './output.ts';
import type { Session } from './session.ts';

/** `stock [SKU...]` */
export function describeStock(program: Command, session: Session): void {
  program
    .command('stock')
    .description('show the stock of some SKUs, or of all')
    .argument('[sku...]', 'which SKUs')
    .addHelpText(
      'after',
      `
On a pipe, a line for each SKU: sku, available, reserved, sold, received.

Example:
  $ concord stock A B
`,
    )
    .action(async (skus: string[]) => {
      parseSkus(skus);
      const { concord } = await session.connect();
      const levels = await session.output.during('asking the inventory', concord.stock(skus));
      await printLevels(levels, session.output);
    });
}

/** `restock SKU QUANTITY` */
export function describeRestock(program: Command, session: Session): void {
  program
    .command('restock')
    .description('add a delivery to the stock')
    .argument('<sku>', 'what was delivered')
    .argument('<quantity>', 'how many units', wholeNumber)
    .option('--receipt-id <id>', 'the id of the delivery: repeating it adds it once (default: a new one)')
    .addHelpText(
      'after',
      `
Example:
  $ concord restock A 10
  $ concord restock A 10 --receipt-id delivery-2025-01
`,
    )
    .action(async (sku: string, quantity: number, flags: { receiptId?: string }) => {
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
    });
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
