import pMap from 'p-map';
import { ConcordError } from '../domain/errors.ts';

/** Something of a batch that could not be handled now, and why. */
export interface Unhandled {
  readonly id: string;
  readonly error: string;
}

/**
 * Handles a batch so that one item which can't be handled doesn't keep the rest of it.
 *
 * @param options `concurrency`: how many are handled at the same time.
 * @returns What must be tried again.
 * @throws The first failure, where everything has failed and not because of what it is about: the batch is then tried
 *   again as a whole.
 */
export async function handleEach<Item extends { readonly id: string }>(
  items: readonly Item[],
  handle: (item: Item) => Promise<void>,
  options: { readonly concurrency: number },
): Promise<Unhandled[]> {
  const failures = await pMap(items, (item) => failureOf(handle(item)), options);
  const found = failures.filter((failure) => failure !== undefined);
  const isDown = found.length === items.length && !found.some((failure) => failure instanceof ConcordError);
  if (isDown && found.length > 0) throw found[0];
  return items.flatMap(({ id }, index) => {
    const failure = failures[index];
    if (failure === undefined) return [];
    return [{ id, error: failure instanceof Error ? failure.message : String(failure) }];
  });
}

async function failureOf(work: Promise<void>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}
