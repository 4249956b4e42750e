import type { Command } from 'commander';
import { DEFAULT_LIMIT, MAXIMUM_LIMIT, type PageOptions, pageFields } from '../../../domain/page.ts';
import { parse } from '../../../domain/validation.ts';
import type { Concord } from '../../concord.ts';
import { firstOf } from '../../pages.ts';
import { wholeNumber } from './arguments.ts';
import { type ItemFormat, type Output, safe } from './output.ts';
import type { Session } from './session.ts';

export function addPageOptions(command: Command): Command {
  const limits = `from 1 to ${MAXIMUM_LIMIT} (default: ${DEFAULT_LIMIT} on a terminal, else all)`;
  return command
    .option('--limit <number>', `at most so many, ${limits}`, wholeNumber)
    .option('--after <id>', 'go on after this one', (text) => parse(pageFields().after, text, '--after'));
}

export const PAGES_HELP = `
A terminal gets a page, and the --after that the next one begins with. A pipe and --json get all, read page by page, unless
--limit says how many.`;

interface Listing<Item> {
  readonly format: ItemFormat<Item>;
  /** What a terminal is told that there is none of. */
  readonly noun: string;
  /** What is asked meanwhile, such as `asking the inventory`. */
  readonly question: string;
  /** Yields everything from there on; `limit` is how many are asked for at once. */
  readonly items: (concord: Concord, page: PageOptions) => AsyncGenerator<Item, void, void>;
  readonly idOf: (item: Item) => string;
}

export async function printListing<Item>(session: Session, page: PageOptions, listing: Listing<Item>) {
  const { output } = session;
  const { concord } = await session.connect();
  if (page.limit === undefined && !output.isTerminal)
    return printAll(listing.items(concord, page), listing, output);
  const { limit = DEFAULT_LIMIT, after } = page;
  // One more, to know whether there are more.
  const asked = listing.items(concord, { ...page, limit: Math.min(limit + 1, MAXIMUM_LIMIT) });
  const found = await output.during(listing.question, firstOf(asked, limit + 1));
  const items = found.slice(0, limit);
  const none = after === undefined ? listing.format.none : `no ${listing.noun} after ${safe(after)}`;
  await output.printItems(items, { ...listing.format, none });
  const last = items.at(-1);
  if (last !== undefined && found.length > limit)
    output.note(`there are more: go on with --after ${listing.idOf(last)}`);
}

async function printAll<Item>(items: AsyncGenerator<Item>, listing: Listing<Item>, output: Output) {
  const first = await output.during(listing.question, items.next());
  let printed = 0;
  try {
    for (let next = first; !next.done && !output.isClosed; next = await items.next()) {
      if (output.json) output.printText(`${printed === 0 ? '[' : ','}${JSON.stringify(next.value)}`);
      else output.printRow(listing.format.row(next.value));
      printed += 1;
    }
  } finally {
    // What was printed before an error stays JSON.
    if (output.json) output.printText(printed === 0 ? '[]' : ']');
  }
}
