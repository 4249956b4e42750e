import type { Report } from './report.ts';

/** The user can act on it: `message` says what failed and what to do next, and is shown without a stack. */
export class ServersError extends Error {
  override readonly name: string = 'ServersError';
}

/** One way to get a server does not work on this machine. `reason` says why, `next` what makes it work: "install Go …". */
export class UnavailableError extends ServersError {
  override readonly name: string = 'UnavailableError';

  constructor(reason: string, next: string) {
    super(`${reason}; to use it, ${next}`);
  }
}

/** The program is there, but it can't run on this machine, or is too old. */
export class UnfitProgramError extends UnavailableError {
  override readonly name = 'UnfitProgramError';
}

interface Attempt {
  readonly way: string;
  readonly reason: string;
}

export class NoServerError extends ServersError {
  override readonly name = 'NoServerError';
  readonly tried: readonly Attempt[];

  constructor(what: string, tried: readonly Attempt[], advice: string) {
    const lines = tried.map(({ way, reason }) => `  - ${way}: ${reason}`);
    super([`No ${what} could be started. Tried, in this order:`, ...lines, advice].join('\n'));
    this.tried = tried;
  }
}

export interface Way<T> {
  readonly way: string;
  /** Whether there is something to get. Default: there is. */
  isThere?(): Promise<boolean>;
  /** @throws {UnavailableError} when the way fails */
  get(): Promise<T>;
}

interface Ladder<T> {
  readonly what: string;
  readonly ways: readonly Way<T>[];
  readonly advice: string;
  /** @throws {UnfitProgramError} when what was got is of no use here */
  check(found: T): Promise<void>;
  readonly report: Report;
}

/** @throws {NoServerError} when no way works */
export async function firstThatWorks<T>({ what, ways, advice, check, report }: Ladder<T>): Promise<T> {
  const there: Way<T>[] = [];
  for (const way of ways) if ((await way.isThere?.()) ?? true) there.push(way);
  const reasons = new Map<Way<T>, string>();
  for (const [index, way] of there.entries()) {
    try {
      const found = await way.get();
      await check(found);
      return found;
    } catch (error) {
      // Only what the next way could make good is passed over; a defect of ours must not hide as "unavailable".
      if (!(error instanceof UnavailableError)) throw error;
      reasons.set(way, error.message);
      const next = there[index + 1];
      // A failed install has been reported by its step.
      if (error instanceof UnfitProgramError && next !== undefined)
        report.note(`Passing over ${way.way}: ${error.message}. Next: ${next.way}`);
    }
  }
  const tried = ways.map((way) => ({ way: way.way, reason: reasons.get(way) ?? 'not there' }));
  throw new NoServerError(what, tried, advice);
}

export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n')[0]?.trim() || 'unknown error';
}
