import type { Page } from '../../domain/page.ts';

/**
 * Reads a page: at most `limit` items, and no more than an answer takes. Temporal refuses 2 MB, and warns from 512 KB on;
 * encryption adds some hundred bytes. It always has an item, so that one which is large can't keep the others from being read.
 */
export async function pageOf<Item>(
  items: AsyncIterable<Item>,
  limit: number,
  idOf: (item: Item) => string,
): Promise<Page<Item>> {
  const taken: Item[] = [];
  let bytes = 0;
  for await (const item of items) {
    bytes += bytesOf(item);
    const last = taken.at(-1);
    if (last !== undefined && (taken.length === limit || bytes > PAGE_BYTES))
      return { items: taken, next: idOf(last) };
    taken.push(item);
  }
  return { items: taken };
}

/** How large the items of a page may be together, as JSON. */
export const PAGE_BYTES = 500_000;

export function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
