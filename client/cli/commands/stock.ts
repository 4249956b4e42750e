import type { Command } from 'commander';
import type { Session } from '../shared/session.ts';
import type { RestockFlags } from '../stock.ts';
import { wholeNumber } from './numbers.ts';

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
    .action(async (skus: string[]) => (await import('../stock.ts')).showStock(skus, session));
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
    .action(async (sku: string, quantity: number, flags: RestockFlags) =>
      (await import('../stock.ts')).addStock(sku, quantity, flags, session),
    );
}
