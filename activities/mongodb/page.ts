import type { Page } from '../../domain/page.ts';

/** Reads at most `limit` items, and no more than an answer takes, but always one: a large one must not hide the others. */
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

/** As JSON. Temporal refuses an answer of 2 MB, and warns from 512 KB on; encryption adds some hundred bytes. */
export const PAGE_BYTES = 500_000;

export const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
