import type { Command } from 'commander';
import type { PageOptions } from '../../../domain/page.ts';
import { parseStockQuestion, STOCK_COUNTS, type StockLevel } from '../../../domain/stock.ts';
import { invalidInput } from '../../../domain/validation.ts';
import { type ItemFormat, safe } from '../shared/output.ts';
import { addPageOptions, PAGES_HELP, printListing } from '../shared/pages.ts';
import type { Session } from '../shared/session.ts';

export function stock(command: Command, session: Session): void {
  command.description('show the stock of some SKUs, or of all').argument('[sku...]', 'which SKUs');
  addPageOptions(command)
    .addHelpText('after', HELP)
    .action(async (skus: string[], page: PageOptions) => {
      if (skus.length > 0 && Object.keys(page).length > 0)
        throw invalidInput('--limit and --after', 'use them without SKUs');
      parseStockQuestion(skus, page);
      const question = 'asking the inventory';
      if (skus.length > 0) {
        const levels = await session.ask(question, (concord) => concord.stock(skus));
        return session.output.printItems(levels, LEVELS);
      }
      await printListing(session, page, {
        format: LEVELS,
        noun: 'SKU',
        question,
        items: (concord, part) => concord.stockLevels(part),
        idOf: ({ sku }) => sku,
      });
    });
}

const HELP = `
Sorted by SKU. On a pipe, a line for each SKU: sku, available, reserved, sold, received; what is damaged, if anything.
${PAGES_HELP}

Examples:
  $ concord stock A B
  $ concord stock --limit 50 --after COFFEE
`;

function levelRow({ sku, damaged, ...counts }: StockLevel) {
  if (damaged !== undefined) return [safe(sku), ...STOCK_COUNTS.map(() => '?'), `damaged: ${damaged}`];
  return [safe(sku), ...STOCK_COUNTS.map((count) => counts[count])];
}

export const LEVELS: ItemFormat<StockLevel> = {
  row: levelRow,
  heads: ['sku', ...STOCK_COUNTS],
  cells: levelRow,
  none: 'no stock; add some with `concord restock SKU QUANTITY`',
};
