import pRetry from 'p-retry';
import type { Logger } from 'pino';

/** Servers start in any order, so a worker waits rather than crashes; until it is told to stop. */
export function waiting(logger: Logger, signal: AbortSignal, maxTimeout = 5_000) {
  return <Result>(what: string, connect: () => Promise<Result>): Promise<Result> => {
    const connected = pRetry(connect, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 500,
      maxTimeout,
      signal,
      onFailedAttempt: ({ error }) =>
        logger.warn({ reason: error.message }, `${what} can't be used yet; trying again`),
    });
    // A server that hangs must not keep a worker that is to stop: what was asked of it goes on, and nobody waits for it.
    return Promise.race([connected, aborted(signal)]);
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}
