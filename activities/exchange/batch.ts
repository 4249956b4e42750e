import { once } from 'node:events';
import pMap from 'p-map';
import type { Announcement } from '../../domain/announcements.ts';
import type { Handled } from '../../domain/envelopes.ts';
import { ConcordError } from '../../domain/errors.ts';
import { problemOf } from '../../domain/sweeps.ts';
import { itemScope } from '../../platform/tracing/item-scope.ts';
import type { Post } from './post.ts';

/** Handles each announcement of a batch by itself. @param handle Returns what it announces; called again until it succeeds. */
export async function handleBatch(
  batch: readonly Announcement[],
  handle: (announcement: Announcement) => Promise<readonly Announcement[]>,
  { addressed }: Pick<Post, 'addressed'>,
): Promise<Handled> {
  const announced: Announcement[] = [];
  const handleOne = async (announcement: Announcement) => {
    announced.push(...(await handle(announcement)));
  };
  const unhandled = await handleEach(batch, handleOne, { concurrency: AT_ONCE });
  return { unhandled, published: announced.map(addressed) };
}

// A whole batch: a slow one must not make another one wait.
const AT_ONCE = 25;

/**
 * Handles a batch so that an item which can't be handled, or hangs, doesn't keep the others waiting.
 * @returns What must be tried again. An item that hung may still be at work; one that had not begun by then never does.
 * @throws The first failure, if several items have all failed and none because of what it is about: the batch is then tried
 *   again as a whole. One that fails alone says nothing of others, and would keep whatever comes next from its turn.
 */
export async function handleEach<Item extends { readonly id: string }>(
  items: readonly Item[],
  handle: (item: Item) => Promise<void>,
  { concurrency, timeLimit = TIME_LIMIT }: { readonly concurrency: number; readonly timeLimit?: number },
): Promise<Handled['unhandled']> {
  const inScope = itemScope.getStore() ?? ((_id, handleItem) => handleItem());
  const late = new Error(`no answer in ${timeLimit} ms`);
  const timer = AbortSignal.timeout(timeLimit);
  const timeUp = once(timer, 'abort').then(() => late);
  const attempt = async (item: Item): Promise<unknown> =>
    timer.aborted ? late : Promise.race([failureOf(() => inScope(item.id, () => handle(item))), timeUp]);
  const failures = await pMap(items, attempt, { concurrency });
  const found = failures.filter((failure) => failure !== undefined);
  const isDown = found.length === items.length && !found.some(isAboutItem);
  if (isDown && found.length > 1) throw found[0];
  return items.flatMap(({ id }, index) => {
    const failure = failures[index];
    return failure === undefined ? [] : [{ id, error: problemOf(failure) }];
  });
}

// Half of what an attempt has, so that a batch with an item that hangs still answers for the others. Milliseconds.
const TIME_LIMIT = 5_000;

/** The item is refused for what it is, or is so malformed that the code has stumbled over it. */
function isAboutItem(failure: unknown): boolean {
  return failure instanceof ConcordError || failure instanceof TypeError || failure instanceof RangeError;
}

/** Returns what the work throws, or undefined if it succeeds. */
export async function failureOf(work: () => Promise<void>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}
