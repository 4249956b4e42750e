import type { Command } from 'commander';
import { DEFAULT_LIMIT, MAXIMUM_LIMIT, type PageOptions, pageFields } from '../../../domain/page.ts';
import { parse } from '../../../domain/validation.ts';
import type { Concord } from '../../concord.ts';
import { firstOf } from '../../pages.ts';
import { wholeNumber } from './arguments.ts';
import type { Result } from './output.ts';
import type { Session } from './session.ts';

/** Adds the options of a command whose list may be too long for a screen. */
export function addPageOptions(command: Command): Command {
  return command
    .option(
      '--limit <number>',
      `at most so many, from 1 to ${MAXIMUM_LIMIT} (default: ${DEFAULT_LIMIT} on a terminal, else all)`,
      wholeNumber,
    )
    .option('--after <id>', 'go on after this one', (text) => parse(pageFields().after, text, '--after'));
}

export const PAGES_HELP = `
A terminal gets a page, and the --after that the next one begins with. A pipe and --json get all, read page by page, unless
--limit says how many.`;

/** What a command lists. */
export interface Listing<Item> {
  /** What is asked meanwhile, such as `asking the inventory`. */
  readonly question: string;
  /** Yields everything from there on; `limit` is how many are asked for at once. */
  readonly items: (concord: Concord, page: PageOptions) => AsyncGenerator<Item, void, void>;
  readonly idOf: (item: Item) => string;
  readonly row: (item: Item) => Result['rows'][number];
  readonly terminal: (items: readonly Item[]) => string | Promise<string>;
}

export async function printListing<Item>(session: Session, page: PageOptions, listing: Listing<Item>) {
  const { concord } = await session.connect();
  if (page.limit === undefined && !session.output.isTerminal)
    return printAll(session, page, listing, concord);
  const { limit = DEFAULT_LIMIT } = page;
  // One more, to know whether there are more.
  const asked = { ...page, limit: Math.min(limit + 1, MAXIMUM_LIMIT) };
  const found = await session.output.during(
    listing.question,
    firstOf(listing.items(concord, asked), limit + 1),
  );
  const items = found.slice(0, limit);
  await session.output.print({
    document: items,
    rows: items.map(listing.row),
    terminal: () => listing.terminal(items),
  });
  const last = items.at(-1);
  if (last !== undefined && found.length > limit)
    session.output.note(`there are more: go on with --after ${listing.idOf(last)}`);
}

/** Prints each as it comes, until there are no more, or nobody reads on. */
async function printAll<Item>(session: Session, page: PageOptions, listing: Listing<Item>, concord: Concord) {
  const { output } = session;
  const items = listing.items(concord, page);
  const first = await output.during(listing.question, items.next());
  let printed = 0;
  for (let next = first; !next.done && !output.isClosed; next = await items.next()) {
    if (output.json) output.printText(`${printed === 0 ? '[' : ','}${JSON.stringify(next.value)}`);
    else output.printRow(listing.row(next.value));
    printed += 1;
  }
  if (output.json) output.printText(printed === 0 ? '[]' : ']');
}
