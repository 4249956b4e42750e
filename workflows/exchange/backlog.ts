import { z } from 'zod';
import type { WaitingView } from '../../domain/current-details.ts';
import { identifier } from '../../domain/order.ts';
import { policies } from '../../domain/policies.ts';

/** Something that waits to be handled, and how that has gone so far. Times are milliseconds since 1970. */
export interface Waiting<Item> {
  readonly orderId: string;
  readonly item: Item;
  readonly type: string;
  readonly since: number;
  readonly failures: number;
  readonly lastError: string;
  readonly retryAt: number;
}

/** The orders of items that were not kept, by the type of what was said. */
export type Unkept = Readonly<Record<string, readonly string[]>>;

/** What a run leaves to the next one. */
export interface Carried<Item> {
  readonly waiting: readonly Waiting<Item>[];
  readonly unkept: Unkept;
}

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

/**
 * What the run before this one left. Anyone may start a workflow, and one that fails on what it is given would keep its
 * id from the one that is needed: so what makes no sense is dropped.
 *
 * @param validItem Returns the item, or nothing where it is none.
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

/** How much of a backlog is carried along, in bytes of JSON. */
export interface CarryLimits {
  /** Of items as they are. */
  readonly items: number;
  /** Of the ids of orders whose items are left out. */
  readonly ids: number;
}

// Temporal takes 2 MB: 36,000 orders, an hour of ten a second, have ids of 1.4 MB where they are UUIDs.
const CARRY_LIMITS: CarryLimits = { items: 300_000, ids: 1_500_000 };

/** True where an item of the one type must not give way to a later one of the other. */
export type Outranks = (type: string, other: string) => boolean;

/**
 * What waits to be handled, at most one item of an order, and what is being handled. Of what is too much to be carried
 * along only the order's id is kept, because the order can say it again.
 */
export class Backlog<Item> {
  private readonly waiting: Map<string, Waiting<Item>>;
  /** Those not asked yet come first, then in the order in which they were asked. */
  private readonly unkept = new Map<string, { readonly type: string; readonly askAgainAt: number }>();
  private readonly outranks: Outranks;
  private readonly now: () => number;
  private readonly startedAt: number;
  private handling: readonly Waiting<Item>[] = [];

  /** @param now Milliseconds since 1970. */
  constructor({ waiting, unkept }: Carried<Item>, outranks: Outranks, now: () => number = Date.now) {
    this.outranks = outranks;
    this.now = now;
    this.startedAt = now();
    this.waiting = new Map(waiting.map((entry) => [entry.orderId, entry]));
    for (const [type, orderIds] of Object.entries(unkept)) {
      for (const orderId of orderIds) this.unkept.set(orderId, { type, askAgainAt: 0 });
    }
  }

  /** Takes an item in. What waits for its order gives way, unless that or what is being handled outranks the new one. */
  add(orderId: string, type: string, item: Item): void {
    const known = [
      this.handling.find((entry) => entry.orderId === orderId),
      this.waiting.get(orderId),
      this.unkept.get(orderId),
    ];
    if (known.some((entry) => entry !== undefined && this.outranks(entry.type, type))) return;
    this.unkept.delete(orderId);
    const since = this.now();
    this.waiting.set(orderId, { orderId, type, item, since, failures: 0, lastError: '', retryAt: 0 });
  }

  /** Has what waits for this order tried now. */
  tryNow(orderId: string): void {
    const found = this.waiting.get(orderId);
    if (found !== undefined) this.waiting.set(orderId, { ...found, retryAt: 0 });
  }

  /** Takes out what shall be handled now, at most so many, until `putBack`. */
  take(most: number): readonly Item[] {
    this.handling = this.ready().slice(0, most);
    for (const { orderId } of this.handling) this.waiting.delete(orderId);
    return this.handling.map(({ item }) => item);
  }

  /** What was taken out is done, but for what has failed: that is tried again later, unless something newer has come. */
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

  /** When there may be something to do next; `Infinity` where nothing waits. */
  nextAt(): number {
    const now = this.now();
    const asked = [...this.unkept.values()].map(({ askAgainAt }) => askAgainAt);
    const times = [...this.waiting.values()].map(({ retryAt }) => retryAt);
    return earliest([...times, ...asked.filter((time) => time > now)]);
  }

  /** True where something can be taken out now, or an order be asked. */
  isReady(): boolean {
    return this.ready().length > 0 || this.unkeptToAsk().length > 0;
  }

  /**
   * The orders that shall say their items again now, as many as there is room for, and not one by one. Each counts as
   * waiting until it has, and is named again after a while.
   */
  unkeptToAsk(): string[] {
    if (this.unkept.size === 0) return [];
    const now = this.now();
    const asked = [...this.unkept.values()].filter(({ askAgainAt }) => askAgainAt > now).length;
    const room = ROOM - this.waiting.size - asked;
    if (room < ROOM / 2) return [];
    return [...this.unkept]
      .filter(([, { askAgainAt }]) => askAgainAt <= now)
      .slice(0, room)
      .map(([id]) => id);
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
    const taken = this.handling;
    this.handling = [];
    for (const entry of taken) this.restore(entry);
    const oldestFirst = [...this.waiting.values()].sort((one, other) => one.since - other.since);
    const [kept, tooMuch] = within(limits.items, oldestFirst, sizeOf);
    const unkept = [
      ...tooMuch.map(({ orderId, type }) => [orderId, type] as const),
      ...[...this.unkept].map(([orderId, { type }]) => [orderId, type] as const),
    ];
    // What is beyond even that comes back, too: an order that isn't answered says it again by itself.
    const [named] = within(limits.ids, unkept, ([orderId]) => sizeOf(orderId));
    return { waiting: kept, unkept: byType(named) };
  }

  /** What is kept: first what is being handled. */
  views(): WaitingView[] {
    return [...this.handling, ...this.waiting.values()].map(viewOf);
  }

  /** As `views`, and what is not kept. */
  allViews(): WaitingView[] {
    const rest = { since: this.startedAt, failures: 0, lastError: '', retryAt: 0 };
    return [
      ...this.views(),
      ...[...this.unkept].map(([orderId, { type }]) => viewOf({ orderId, type, ...rest })),
    ];
  }

  get handlingCount(): number {
    return this.handling.length;
  }

  get unkeptCount(): number {
    return this.unkept.size;
  }

  private ready(): Waiting<Item>[] {
    const now = this.now();
    return [...this.waiting.values()].filter(({ retryAt }) => retryAt <= now);
  }

  /** Unless something newer waits: what was outranked by this has never got in. */
  private restore(entry: Waiting<Item>): void {
    if (!this.waiting.has(entry.orderId)) this.waiting.set(entry.orderId, entry);
  }
}

// Four batches of a mailbox: none has to wait for the next ones to come.
const ROOM = 100;
// Much longer than an answer takes, so that it isn't asked twice for one. Milliseconds.
const ASK_AGAIN_AFTER = 60_000;

function viewOf({ orderId, type, ...entry }: Omit<Waiting<unknown>, 'item'>): WaitingView {
  const { failures, lastError, since, retryAt } = entry;
  const nextAttemptAt = retryAt === 0 ? {} : { nextAttemptAt: new Date(retryAt).toISOString() };
  return { orderId, type, failures, lastError, since: new Date(since).toISOString(), ...nextAttemptAt };
}

function byType(unkept: readonly (readonly [orderId: string, type: string])[]): Unkept {
  const found = new Map<string, string[]>();
  for (const [orderId, type] of unkept)
    found
      .set(type, found.get(type) ?? [])
      .get(type)
      ?.push(orderId);
  return Object.fromEntries(found);
}

/** The first entries that fit together into so many bytes, and the others. */
function within<Entry>(
  limit: number,
  entries: readonly Entry[],
  bytesOf: (entry: Entry) => number,
): [Entry[], Entry[]] {
  let left = limit;
  const most = entries.findIndex((entry) => {
    left -= bytesOf(entry);
    return left < 0;
  });
  return most < 0 ? [[...entries], []] : [entries.slice(0, most), entries.slice(most)];
}

function sizeOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length + SEPARATOR;
}

const SEPARATOR = 1;

/** As `Math.min`, which takes no more than some ten thousand. */
function earliest(times: readonly number[]): number {
  return times.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
}
