import { z } from 'zod';
import { type WaitingView, waitingDetails } from '../../domain/current-details.ts';
import { defined } from '../../domain/defined.ts';
import { identifier } from '../../domain/order.ts';
import { policies } from '../../domain/policies.ts';

const waitingSchema = z.object({
  orderId: identifier(),
  item: z.unknown(),
  type: z.string(),
  since: z.number(),
  failures: z.int().min(0),
  lastError: z.string(),
  retryAt: z.number(),
});

const unkeptSchema = z.record(z.string(), z.array(identifier()));

/** An item that waits to be handled, and how that has gone so far. Times are milliseconds since 1970. */
type Waiting<Item> = Readonly<z.output<typeof waitingSchema>> & { readonly item: Item };

/** The state that a run leaves to the next one. */
export interface Carried<Item> {
  readonly waiting: readonly Waiting<Item>[];
  /** The orders of items that were not kept, by the items' type. */
  readonly unkept: Readonly<Record<string, readonly string[]>>;
}

/**
 * Returns what the run before this one left, without what is malformed: anyone may start a workflow, and one that fails
 * on its input would keep its id from the one that is needed.
 */
export function carriedOver<Item>(
  waiting: unknown,
  unkept: unknown,
  validItem: (item: unknown) => Item | undefined,
): Carried<Item> {
  const entries = Array.isArray(waiting) ? waiting : [];
  return {
    waiting: entries.flatMap((input) => {
      const entry = waitingSchema.safeParse(input).data;
      const item = validItem(entry?.item);
      return entry === undefined || item === undefined ? [] : [{ ...entry, item }];
    }),
    unkept: unkeptSchema.safeParse(unkept).data ?? {},
  };
}

/** Limits of what is carried along, in bytes of JSON: of items, and of the ids of orders whose items are left out. */
export interface CarryLimits {
  readonly items: number;
  readonly ids: number;
}

// Temporal takes 2 MB. The ids of 36,000 orders, an hour of ten a second, are 1.4 MB if they are UUIDs.
const CARRY_LIMITS: CarryLimits = { items: 300_000, ids: 1_500_000 };

/** Returns true if an item of the one type must not give way to a later one of the other. */
export type Outranks = (type: string, other: string) => boolean;

/**
 * The items that wait to be handled, at most one of an order, and those being handled. If there are too many to carry
 * along, only the order's id is kept of the rest, because the order can say it again.
 */
export class Backlog<Item> {
  private readonly waiting: Map<string, Waiting<Item>>;
  /** Those not asked yet come first, then in the order in which they were asked. */
  private readonly unkept = new Map<string, { readonly type: string; readonly askAgainAt: number }>();
  private readonly outranks: Outranks;
  private readonly now: () => number;
  private readonly startedAt: number;
  private handling: readonly Waiting<Item>[] = [];

  constructor({ waiting, unkept }: Carried<Item>, outranks: Outranks, now: () => number = Date.now) {
    this.outranks = outranks;
    this.now = now;
    this.startedAt = now();
    this.waiting = new Map(waiting.map((entry) => [entry.orderId, entry]));
    for (const [type, orderIds] of Object.entries(unkept)) {
      for (const orderId of orderIds) this.unkept.set(orderId, { type, askAgainAt: 0 });
    }
  }

  /** Takes an item in. What waits for its order gives way, unless that or what is being handled outranks the item. */
  add(orderId: string, type: string, item: Item): void {
    const handled = this.handling.find((entry) => entry.orderId === orderId);
    const known = [handled, this.waiting.get(orderId), this.unkept.get(orderId)];
    if (known.some((entry) => entry !== undefined && this.outranks(entry.type, type))) return;
    this.unkept.delete(orderId);
    const since = this.now();
    this.waiting.set(orderId, { orderId, type, item, since, failures: 0, lastError: '', retryAt: 0 });
  }

  tryNow(orderId: string): void {
    const found = this.waiting.get(orderId);
    if (found !== undefined) this.waiting.set(orderId, { ...found, retryAt: 0 });
  }

  /** Takes out what is ready, at most so many, until `putBack`. */
  take(most: number): readonly Item[] {
    this.handling = this.ready().slice(0, most);
    for (const { orderId } of this.handling) this.waiting.delete(orderId);
    return this.handling.map(({ item }) => item);
  }

  /** Puts back what has failed of what was taken out, to be tried later, unless something newer has come. */
  putBack(failed: ReadonlyMap<string, string>): void {
    const { firstRetry, longestRetry } = policies.settle;
    for (const entry of this.handling) {
      const lastError = failed.get(entry.orderId);
      if (lastError === undefined) continue;
      const wait = Math.min(longestRetry, firstRetry * 2 ** entry.failures);
      this.restore({ ...entry, failures: entry.failures + 1, lastError, retryAt: this.now() + wait });
    }
    this.handling = [];
  }

  /** Returns the argument of `putBack` if all that was taken out has failed. */
  allFailed(error: string): ReadonlyMap<string, string> {
    return new Map(this.handling.map(({ orderId }) => [orderId, error]));
  }

  /** Returns when there may be something to do next; `Infinity` if nothing waits. */
  nextAt(): number {
    const now = this.now();
    const asked = [...this.unkept.values()].map(({ askAgainAt }) => askAgainAt).filter((time) => time > now);
    const times = [...this.waiting.values()].map(({ retryAt }) => retryAt);
    // Not `Math.min` of all, which takes no more than some ten thousand.
    return [...times, ...asked].reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
  }

  isReady(): boolean {
    return this.ready().length > 0 || this.unkeptToAsk().length > 0;
  }

  /** Returns the orders to ask now for their items, not one by one: each takes up room until it has answered. */
  unkeptToAsk(): string[] {
    const now = this.now();
    const unasked = [...this.unkept].filter(([, { askAgainAt }]) => askAgainAt <= now);
    const room = ROOM - this.waiting.size - (this.unkept.size - unasked.length);
    return room < ROOM / 2 ? [] : unasked.slice(0, room).map(([orderId]) => orderId);
  }

  /** This order has been asked; its answer may get lost. */
  asked(orderId: string): void {
    const found = this.unkept.get(orderId);
    if (found === undefined) return;
    this.unkept.delete(orderId);
    this.unkept.set(orderId, { ...found, askAgainAt: this.now() + ASK_AGAIN_AFTER });
  }

  /** Nobody speaks for this order any more. */
  forget(orderId: string): void {
    this.unkept.delete(orderId);
  }

  /** Ends what is being handled, as far as this run is concerned, and returns what is to be carried along. */
  carry(limits: CarryLimits = CARRY_LIMITS): Carried<Item> {
    for (const entry of this.handling) this.restore(entry);
    this.handling = [];
    const oldestFirst = [...this.waiting.values()].sort((one, other) => one.since - other.since);
    const kept = countWithin(limits.items, oldestFirst);
    const tooMuch = oldestFirst.slice(kept).map((entry) => [entry.orderId, entry] as const);
    const unkept = [...tooMuch, ...this.unkept];
    // What is beyond even that comes back, too: an order that isn't answered says it again by itself.
    const orderIds = unkept.map(([orderId]) => orderId);
    const named = unkept.slice(0, countWithin(limits.ids, orderIds));
    const byType = new Map(named.map(([, { type }]) => [type, [] as string[]]));
    for (const [orderId, { type }] of named) byType.get(type)?.push(orderId);
    return { waiting: oldestFirst.slice(0, kept), unkept: Object.fromEntries(byType) };
  }

  /** Returns the items that are kept: first those being handled. */
  views(): WaitingView[] {
    return [...this.handling, ...this.waiting.values()].map(viewOf);
  }

  details(): string {
    return waitingDetails(this.handling.length, this.views(), this.unkept.size);
  }

  /** Returns the items that are kept and those that are not. */
  allViews(): WaitingView[] {
    const rest = { since: this.startedAt, failures: 0, lastError: '', retryAt: 0 };
    const unkept = [...this.unkept].map(([orderId, { type }]) => viewOf({ orderId, type, ...rest }));
    return [...this.views(), ...unkept];
  }

  get unkeptCount(): number {
    return this.unkept.size;
  }

  private ready(): Waiting<Item>[] {
    const now = this.now();
    return [...this.waiting.values()].filter(({ retryAt }) => retryAt <= now);
  }

  /** Puts an entry back unless a newer one waits: what this one outranks was never taken in. */
  private restore(entry: Waiting<Item>): void {
    if (!this.waiting.has(entry.orderId)) this.waiting.set(entry.orderId, entry);
  }
}

// Four batches of a mailbox: none has to wait for the next ones to come.
const ROOM = 100;
// Much longer than an answer takes, so that it isn't asked twice for one. Milliseconds.
const ASK_AGAIN_AFTER = 60_000;

function viewOf({ orderId, type, failures, lastError, since, retryAt }: Omit<Waiting<unknown>, 'item'>) {
  const nextAttemptAt = retryAt === 0 ? undefined : new Date(retryAt).toISOString();
  return defined({ orderId, type, failures, lastError, since: new Date(since).toISOString(), nextAttemptAt });
}

/** Returns how many of the first values fit together into so many bytes of JSON. */
function countWithin(limit: number, values: readonly unknown[]): number {
  let left = limit;
  const tooMuch = values.findIndex((value) => {
    left -= new TextEncoder().encode(`${JSON.stringify(value)},`).length;
    return left < 0;
  });
  return tooMuch < 0 ? values.length : tooMuch;
}
