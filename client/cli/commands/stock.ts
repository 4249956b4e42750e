import type { Command } from 'commander';
import { parseSkus, type StockLevel } from '../../../domain/stock.ts';
import { type Output, safe, table } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';

export function addStock(program: Command, session: Session): void {
  program
    .command('stock')
    .description('show the stock of some SKUs, or of all')
    .argument('[sku...]', 'which SKUs')
    .addHelpText('after', HELP)
    .action(async (skus: string[]) => {
      parseSkus(skus);
      const levels = await session.ask('asking the inventory', (concord) => concord.stock(skus));
      await printLevels(levels, session.output);
    });
}

const HELP = `
On a pipe, a line for each SKU: sku, available, reserved, sold, received.

Example:
  $ concord stock A B
`;

/** @param document What `--json` prints. */
export async function printLevels(levels: readonly StockLevel[], output: Output, document: unknown = levels) {
  const rows = levels.map(({ sku, ...counts }) => [safe(sku), ...COUNTS.map((count) => counts[count])]);
  await output.print({
    document,
    rows,
    terminal: () =>
      levels.length === 0
        ? 'no stock; add some with `concord restock SKU QUANTITY`'
        : table(['sku', ...COUNTS], rows, output.colors),
  });
}

const COUNTS = ['available', 'reserved', 'sold', 'received'] as const;
