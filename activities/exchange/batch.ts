import pMap from 'p-map';
import { ConcordError } from '../../domain/errors.ts';
import { itemScope } from '../../platform/tracing/item-scope.ts';

/** Something of a batch that could not be handled now, and why. */
export interface Unhandled {
  readonly id: string;
  readonly error: string;
}

export interface BatchOptions {
  /** How many are handled at the same time. */
  readonly concurrency: number;
  /** How long the batch may take, in milliseconds; half of what an attempt has, where nothing else is said. */
  readonly timeLimit?: number;
}

/**
 * Handles a batch so that one item which can't be handled, or hangs, doesn't keep the rest of it.
 *
 * @returns What must be tried again. An item that hung may still be at work.
 * @throws The first failure, where several items have all failed and not because of what they are about: the batch is then
 *   tried again as a whole. One that fails alone says nothing of others, and would keep whatever comes next from its turn.
 */
export async function handleEach<Item extends { readonly id: string }>(
  items: readonly Item[],
  handle: (item: Item) => Promise<void>,
  { concurrency, timeLimit = TIME_LIMIT }: BatchOptions,
): Promise<Unhandled[]> {
  const inScope = itemScope.getStore() ?? ((_id, handleItem) => handleItem());
  const failures = await withLimit(timeLimit, (untilTimeIsUp) =>
    pMap(items, (item) => failureOf(() => untilTimeIsUp(() => inScope(item.id, () => handle(item)))), {
      concurrency,
    }),
  );
  const found = failures.filter((failure) => failure !== undefined);
  const isDown = found.length === items.length && !found.some(isAboutItem);
  if (isDown && found.length > 1) throw found[0];
  return items.flatMap(({ id }, index) => {
    const failure = failures[index];
    if (failure === undefined) return [];
    return [{ id, error: failure instanceof Error ? failure.message : String(failure) }];
  });
}

/** Refused for what it is; or so malformed that the code has stumbled over it. */
function isAboutItem(failure: unknown): boolean {
  return failure instanceof ConcordError || failure instanceof TypeError || failure instanceof RangeError;
}

// Half of what an attempt has, so that a batch with one that hangs still answers the others. Milliseconds.
const TIME_LIMIT = 5_000;

type UntilTimeIsUp = (work: () => Promise<void>) => Promise<void>;

/** Runs a batch whose works all fail when the time is up; those that have not begun then never do. */
async function withLimit<Result>(
  milliseconds: number,
  run: (untilTimeIsUp: UntilTimeIsUp) => Promise<Result>,
): Promise<Result> {
  let isUp = false;
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      isUp = true;
      reject(new Error(`no answer in ${milliseconds} ms`));
    }, milliseconds);
  });
  timeUp.catch(() => {}); // nobody waits for it where all is done before
  try {
    return await run(async (work) => {
      if (isUp) return timeUp;
      const done = work();
      done.catch(() => {}); // when it fails later, it is being tried again already
      await Promise.race([done, timeUp]);
    });
  } finally {
    clearTimeout(timer);
  }
}

async function failureOf(work: () => Promise<void>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}
