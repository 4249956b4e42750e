import type { Command } from 'commander';
import type { PageOptions } from '../../../domain/page.ts';
import { parseStockQuestion, type StockLevel } from '../../../domain/stock.ts';
import { invalidInput } from '../../../domain/validation.ts';
import { type Output, safe, table } from '../shared/output.ts';
import { addPageOptions, PAGES_HELP, printListing } from '../shared/pages.ts';
import type { Session } from '../shared/session.ts';

export function addStock(program: Command, session: Session): void {
  const command = program
    .command('stock')
    .description('show the stock of some SKUs, or of all')
    .argument('[sku...]', 'which SKUs');
  addPageOptions(command)
    .addHelpText('after', HELP)
    .action(async (skus: string[], page: PageOptions) => {
      if (skus.length > 0 && Object.keys(page).length > 0)
        throw invalidInput('--limit and --after', 'use them without SKUs');
      parseStockQuestion(skus, page);
      if (skus.length === 0) return printAllLevels(page, session);
      const levels = await session.ask('asking the inventory', (concord) => concord.stock(skus));
      await printLevels(levels, session.output);
    });
}

const HELP = `
Sorted by SKU. On a pipe, a line for each SKU: sku, available, reserved, sold, received.
${PAGES_HELP}

Examples:
  $ concord stock A B
  $ concord stock --limit 50 --after COFFEE
`;

function printAllLevels(page: PageOptions, session: Session): Promise<void> {
  return printListing(session, page, {
    question: 'asking the inventory',
    items: (concord, options) => concord.stockLevels(options),
    idOf: ({ sku }) => sku,
    row: levelRow,
    terminal: (levels) => {
      if (levels.length > 0) return levelsTable(levels, session.output);
      return page.after === undefined ? NO_STOCK : `no SKU after ${safe(page.after)}`;
    },
  });
}

/** @param document What `--json` prints. */
export async function printLevels(levels: readonly StockLevel[], output: Output, document: unknown = levels) {
  await output.print({
    document,
    rows: levels.map(levelRow),
    terminal: () => levelsTable(levels, output),
  });
}

const NO_STOCK = 'no stock; add some with `concord restock SKU QUANTITY`';
const COUNTS = ['available', 'reserved', 'sold', 'received'] as const;

function levelRow({ sku, ...counts }: StockLevel): (string | number)[] {
  return [safe(sku), ...COUNTS.map((count) => counts[count])];
}

function levelsTable(levels: readonly StockLevel[], { colors }: Output): Promise<string> {
  return table(['sku', ...COUNTS], levels.map(levelRow), colors);
}
