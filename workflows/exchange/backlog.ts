import { type Announcement, announcementId, comesAfter, partsOf } from '../../domain/announcements.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { defined } from '../../domain/defined.ts';
import { parseUnkept, parseWaiting, type Receiver, type Waiting } from '../../domain/envelopes.ts';
import { policies } from '../../domain/policies.ts';
import { validOrNothing } from '../order/failures.ts';

/** The state that a run leaves to the next one. */
export type Carried = Omit<ReturnType<typeof carriedOver>, 'unconfirmed'>;

/** What the run before left, without what is malformed: one that fails on its input would take the id that others need. */
export function carriedOver(waiting: unknown, unkept: unknown, unconfirmed: unknown) {
  const listed = (input: unknown): unknown[] => (Array.isArray(input) ? input : []);
  return {
    waiting: listed(waiting).flatMap((input) => validOrNothing(parseWaiting, input) ?? []),
    unkept: listed(unkept).flatMap((input) => validOrNothing(parseUnkept, input) ?? []),
    // No outbox takes a longer id, which would keep all others from being confirmed.
    unconfirmed: listed(unconfirmed).flatMap((id) => announcementId().safeParse(id).data ?? []),
  };
}

/** Limits of what is carried along, in bytes of JSON: of announcements, and of the ids of orders without theirs. */
export type CarryLimits = Readonly<typeof CARRY_LIMITS>;

// Temporal takes 2 MB. The ids of 36,000 orders, an hour of ten a second, are 1.4 MB if they are UUIDs.
export const CARRY_LIMITS = { items: 300_000, ids: 1_500_000 };

/**
 * The announcements that wait for one receiver, and those being handled: at most one of an order at a time, in the
 * order in which they follow from each other. If there are too many to carry along, only the order's id is kept of the
 * rest, and of what then comes of such an order, because the outboxes that they came from still have them.
 */
export class Backlog {
  private readonly receiver: Receiver;
  private readonly onDone: (announcementId: string) => void;
  private readonly now: () => number;
  private readonly startedAt: number;
  /** By order, each its earliest first. */
  private readonly queues = new Map<string, Waiting[]>();
  /** Orders, and whether something has come since their outboxes were read last. */
  private readonly unkept = new Map<string, boolean>();
  private handling: readonly Waiting[] = [];

  /** @param onDone Told of each announcement that was handled, or has become needless; another copy of it may wait. */
  constructor(receiver: Receiver, onDone: (announcementId: string) => void, now: () => number = Date.now) {
    this.receiver = receiver;
    this.onDone = onDone;
    this.now = now;
    this.startedAt = now();
  }

  /** Puts an entry where it belongs in its order's life. */
  restore(entry: Waiting): void {
    const { subject, type } = entry.item;
    const queue = this.queues.get(subject) ?? [];
    const later = queue.findIndex(({ item }) => comesAfter(item.type, type));
    this.queues.set(subject, queue.toSpliced(later < 0 ? queue.length : later, 0, entry));
  }

  /** Takes over orders of which the run before has kept nothing. */
  restoreUnkept(orderIds: readonly string[]): void {
    for (const orderId of orderIds) this.unkept.set(orderId, false);
  }

  add(item: Announcement): void {
    const { id, subject } = item;
    if (this.unkept.has(subject)) this.unkept.set(subject, true);
    else if (this.receiver.onlyLatest) this.addLatest(item);
    else if (!this.has(id)) this.restore(this.entryOf(item));
  }

  tryNow(orderId: string): void {
    const [first, ...rest] = this.queues.get(orderId) ?? [];
    if (first !== undefined) this.queues.set(orderId, [{ ...first, retryAt: 0 }, ...rest]);
  }

  /** Takes out what is ready, longest first, at most so many and one of an order, until `putBack`. */
  take(most: number): readonly Announcement[] {
    const now = this.now();
    this.handling = this.firsts()
      .filter(({ retryAt }) => retryAt <= now)
      .sort((one, other) => readySince(one) - readySince(other))
      .slice(0, most);
    for (const { item } of this.handling) {
      const [, ...rest] = this.queues.get(item.subject) ?? [];
      if (rest.length === 0) this.queues.delete(item.subject);
      else this.queues.set(item.subject, rest);
    }
    return this.handling.map(({ item }) => item);
  }

  /** Puts back what has failed of what was taken out, by id, to be tried later, unless it has become needless. */
  putBack(failed: ReadonlyMap<string, string>): void {
    const { firstRetry, longestRetry } = policies.settle;
    this.endHandling((entry) => {
      const lastError = failed.get(entry.item.id);
      if (lastError === undefined) return undefined;
      const wait = Math.min(longestRetry, firstRetry * 2 ** entry.failures);
      return { ...entry, failures: entry.failures + 1, lastError, retryAt: this.now() + wait };
    });
  }

  /** Returns the argument of `putBack` if all that was taken out has failed. */
  allFailed(error: string): ReadonlyMap<string, string> {
    return new Map(this.handling.map(({ item }) => [item.id, error]));
  }

  has(announcementId: string): boolean {
    const [orderId] = partsOf(announcementId);
    const entries = [...this.handling, ...(this.queues.get(orderId) ?? [])];
    return this.unkept.has(orderId) || entries.some(({ item }) => item.id === announcementId);
  }

  /** Returns when there may be something to do next; `Infinity` if nothing waits. */
  nextAt(): number {
    // Not `Math.min` of all, which takes no more than some ten thousand.
    return this.firsts().reduce((time, { retryAt }) => Math.min(time, retryAt), Number.POSITIVE_INFINITY);
  }

  isEmpty(): boolean {
    return this.handling.length + this.queues.size + this.unkept.size === 0;
  }

  isReady(): boolean {
    return this.nextAt() <= this.now();
  }

  hasRoomForUnkept(): boolean {
    // What has failed before takes up none: it may fail for ever.
    return this.unkept.size > 0 && this.firsts().filter(({ failures }) => failures === 0).length < ROOM;
  }

  /** Returns orders to read in the outboxes now: not all at once, because what they have takes up room. */
  unkeptToRead(): string[] {
    const orderIds = [...this.unkept.keys()].slice(0, MOST_READ);
    for (const orderId of orderIds) this.unkept.set(orderId, false);
    return orderIds;
  }

  /** Takes in all that was found of these orders; those of which more has come meanwhile are read once more. */
  addRead(orderIds: readonly string[], found: readonly Announcement[]): void {
    const whole = orderIds.filter((orderId) => this.unkept.get(orderId) === false);
    for (const orderId of whole) this.unkept.delete(orderId);
    for (const item of found) if (whole.includes(item.subject)) this.add(item);
  }

  /** Ends what is being handled, as far as this run is concerned, and returns what is to be carried along. */
  carry(limits: CarryLimits = CARRY_LIMITS): Carried {
    this.endHandling((entry) => entry);
    // Of an order, what comes first is kept first, even where it came last.
    const oldestFirst = this.firsts()
      .sort((one, other) => one.since - other.since)
      .flatMap(({ item }) => this.queues.get(item.subject) ?? []);
    const kept = countWithin(limits.items, oldestFirst);
    for (const { item } of oldestFirst.slice(kept)) this.unkept.set(item.subject, false);
    // What is beyond even that comes back, too: it is still in the outbox that it came from.
    const orderIds = [...this.unkept.keys()];
    const named = orderIds.slice(0, countWithin(limits.ids, orderIds));
    return {
      waiting: oldestFirst.slice(0, kept),
      unkept: named.length === 0 ? [] : [{ receiver: this.receiver, orderIds: named }],
    };
  }

  /** Returns what is kept: first what is being handled. */
  views(): WaitingView[] {
    return [...this.handling, ...[...this.queues.values()].flat()].map(viewOf);
  }

  /** Returns what is not kept. */
  unkeptViews(): WaitingView[] {
    const items = [...this.unkept.keys()].map((subject) => ({ subject, type: 'announcements' }));
    return items.map((item) => viewOf(this.entryOf(item, this.startedAt)));
  }

  get handlingCount(): number {
    return this.handling.length;
  }

  get unkeptCount(): number {
    return this.unkept.size;
  }

  /** What waits for its order gives way, unless that or what is being handled comes after this in an order's life. */
  private addLatest(item: Announcement): void {
    const { subject, type } = item;
    const handled = this.handling.filter((entry) => entry.item.subject === subject);
    const waiting = this.queues.get(subject) ?? [];
    const isLate = [...handled, ...waiting].some((entry) => comesAfter(entry.item.type, type));
    if (!isLate) this.queues.set(subject, [this.entryOf(item)]);
    for (const { id } of isLate ? [item] : waiting.map((entry) => entry.item)) this.onDone(id);
  }

  private entryOf<Item>(item: Item, since = this.now()) {
    return { receiver: this.receiver, item, since, failures: 0, lastError: '', retryAt: 0 };
  }

  /** Puts what is left of each entry back among those that wait, unless one of them was to take its place. */
  private endHandling(leftOf: (entry: Waiting) => Waiting | undefined): void {
    const handled = this.handling;
    this.handling = [];
    for (const entry of handled) {
      const { id, subject } = entry.item;
      const left = leftOf(entry);
      const isNeedless = left === undefined || (this.receiver.onlyLatest && this.queues.has(subject));
      if (isNeedless) this.onDone(id);
      else this.restore(left);
    }
  }

  private firsts(): Waiting[] {
    return [...this.queues.values()].flatMap(([first]) => first ?? []);
  }
}

// Four batches: none has to wait for the next ones to be read.
const ROOM = 100;
// With a hundred lines of the longest names each, they have 1 MB in an outbox; Temporal takes 2.
const MOST_READ = 20;

const readySince = ({ since, retryAt }: Waiting): number => Math.max(since, retryAt);

type Viewed = Omit<Waiting, 'item'> & { readonly item: { readonly subject: string; readonly type: string } };

function viewOf({ receiver: { name, handler }, item, failures, lastError, ...times }: Viewed): WaitingView {
  const nextAttemptAt = times.retryAt === 0 ? undefined : new Date(times.retryAt).toISOString();
  const since = new Date(times.since).toISOString();
  const { subject: orderId, type } = item;
  return defined({ receiver: name, handler, orderId, type, failures, lastError, since, nextAttemptAt });
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
