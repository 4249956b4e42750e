import { defined } from '../domain/defined.ts';
import { MAXIMUM_LIMIT, type Page, type PageOptions } from '../domain/page.ts';

export async function* allPages<Item>(
  { limit = MAXIMUM_LIMIT, after }: PageOptions,
  ask: (page: PageOptions) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, void> {
  let last = after;
  do {
    const { items, next } = await ask(defined({ limit, after: last }));
    yield* items;
    last = next;
  } while (last !== undefined);
}

export async function firstOf<Item>(items: AsyncIterable<Item>, count: number): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length === count) break;
  }
  return found;
}
