/** The user can act on it: `message` says what failed and what to do next, and is shown without a stack. */
export class ServersError extends Error {
  override readonly name: string = 'ServersError';
}

/** One way to get a server does not work on this machine. `reason` says why, `next` what makes it work: "install Go …". */
export class UnavailableError extends ServersError {
  override readonly name = 'UnavailableError';

  constructor(reason: string, next: string) {
    super(`${reason}; to use it, ${next}`);
  }
}

/** A way that was tried, and why it failed. */
interface Attempt {
  readonly way: string;
  readonly reason: string;
}

/** No way worked: lists every way that was tried, why it failed, and what to install. */
export class NoServerError extends ServersError {
  override readonly name = 'NoServerError';
  readonly tried: readonly Attempt[];

  constructor(what: string, tried: readonly Attempt[], advice: string) {
    const lines = tried.map(({ way, reason }) => `  - ${way}: ${reason}`);
    super([`No ${what} could be started. Tried, in this order:`, ...lines, advice].join('\n'));
    this.tried = tried;
  }
}

/** A way to get a server. `get` returns undefined if the way does not apply, and throws if it fails. */
export interface Way<T> {
  readonly way: string;
  get(): Promise<T | undefined>;
}

/** @throws {NoServerError} when no way works */
export async function firstThatWorks<T>(what: string, ways: readonly Way<T>[], advice: string): Promise<T> {
  const tried: Attempt[] = [];
  for (const { way, get } of ways) {
    try {
      const found = await get();
      if (found !== undefined) return found;
      tried.push({ way, reason: 'not there' });
    } catch (error) {
      // Only what the next way could make good is passed over; a defect of ours must not hide as "unavailable".
      if (!(error instanceof UnavailableError)) throw error;
      tried.push({ way, reason: error.message });
    }
  }
  throw new NoServerError(what, tried, advice);
}

/** The first line of an error's message. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n')[0]?.trim() || 'unknown error';
}
