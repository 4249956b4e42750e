import { setTimeout as delay } from 'node:timers/promises';

/**
 * Looks every so many milliseconds.
 *
 * @returns Stops it after a last look; throws what a look has thrown.
 */
export function keepLooking(interval: number, look: () => Promise<void>): () => Promise<void> {
  const stopping = new AbortController();
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await look();
      await delay(interval, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await look();
  })();
  looking.catch(() => {}); // told to who stops it
  return async () => {
    stopping.abort();
    await looking;
  };
}
