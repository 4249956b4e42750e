import { z } from 'zod';
import {
  type Announcement,
  type AnnouncementType,
  announcementIdOf,
  announcementType,
  comesAfter,
  parseAnnouncement,
  partsOf,
} from '../../domain/announcements.ts';
import type { WaitingView } from '../../domain/current-details.ts';
import { defined } from '../../domain/defined.ts';
import { parseReceiver, type Receiver } from '../../domain/envelopes.ts';
import { identifier } from '../../domain/order.ts';
import { policies } from '../../domain/policies.ts';
import { validOrNothing } from '../order/failures.ts';

/** An announcement that waits for its receiver, and how that has gone so far. Times are milliseconds since 1970. */
export interface Waiting {
  readonly receiver: Receiver;
  readonly item: Announcement;
  readonly since: number;
  readonly failures: number;
  readonly lastError: string;
  readonly retryAt: number;
}

/** Orders of whose announcements to a receiver no more is kept than their types. */
export interface Unkept {
  readonly receiver: Receiver;
  readonly types: readonly AnnouncementType[];
  readonly orderIds: readonly string[];
}

/** The state that a run leaves to the next one. */
export interface Carried {
  readonly waiting: readonly Waiting[];
  readonly unkept: readonly Unkept[];
}

const progressSchema = z.object({
  since: z.number(),
  failures: z.int().min(0),
  lastError: z.string(),
  retryAt: z.number(),
});
const unkeptSchema = z.object({ types: z.array(announcementType()).min(1), orderIds: z.array(identifier()) });

/**
 * Returns what the run before this one left, without what is malformed: anyone may start a workflow, and one that fails
 * on its input would keep its id from the one that is needed.
 */
export function carriedOver(waiting: unknown, unkept: unknown): Carried {
  return {
    waiting: listed(waiting).flatMap((input) => {
      const receiver = validOrNothing(parseReceiver, input.receiver);
      const item = validOrNothing(parseAnnouncement, input.item);
      const progress = progressSchema.safeParse(input).data;
      return receiver && item && progress ? [{ receiver, item, ...progress }] : [];
    }),
    unkept: listed(unkept).flatMap((input) => {
      const receiver = validOrNothing(parseReceiver, input.receiver);
      const named = unkeptSchema.safeParse(input).data;
      return receiver && named ? [{ receiver, ...named }] : [];
    }),
  };
}

function listed(input: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(input) ? input.filter((entry) => typeof entry === 'object' && entry !== null) : [];
}

/** Limits of what is carried along, in bytes of JSON: of announcements, and of the ids of orders without theirs. */
export interface CarryLimits {
  readonly items: number;
  readonly ids: number;
}

// Temporal takes 2 MB. The ids of 36,000 orders, an hour of ten a second, are 1.4 MB if they are UUIDs.
export const CARRY_LIMITS: CarryLimits = { items: 300_000, ids: 1_500_000 };

/**
 * The announcements that wait for one receiver, and those being handled: at most one of an order at a time, in the
 * order in which they follow from each other. If there are too many to carry along, only the order's id and the types
 * are kept of the rest, and of what then comes of such an order, because the outbox that they came from still has them.
 */
export class Backlog {
  private readonly receiver: Receiver;
  private readonly onDone: (announcementId: string) => void;
  private readonly now: () => number;
  private readonly startedAt: number;
  /** By order, each its earliest first. */
  private readonly queues = new Map<string, Waiting[]>();
  private readonly unkept = new Map<string, readonly AnnouncementType[]>();
  private handling: readonly Waiting[] = [];

  /** @param onDone Told of each announcement that was handled, or has become needless. */
  constructor(
    receiver: Receiver,
    { waiting, unkept }: Carried,
    onDone: (announcementId: string) => void,
    now: () => number = Date.now,
  ) {
    this.receiver = receiver;
    this.onDone = onDone;
    this.now = now;
    this.startedAt = now();
    for (const entry of waiting) this.enqueue(entry);
    for (const { types, orderIds } of unkept) for (const orderId of orderIds) this.unkept.set(orderId, types);
  }

  add(item: Announcement): void {
    if (this.receiver.onlyLatest) this.addLatest(item);
    else this.addInOrder(item);
  }

  tryNow(orderId: string): void {
    const [first, ...rest] = this.queues.get(orderId) ?? [];
    if (first !== undefined) this.queues.set(orderId, [{ ...first, retryAt: 0 }, ...rest]);
  }

  /** Takes out what is ready, at most so many and one of an order, until `putBack`. */
  take(most: number): readonly Announcement[] {
    this.handling = this.ready().slice(0, most);
    for (const { item } of this.handling) this.dequeue(item.subject);
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
    const [orderId, type] = partsOf(announcementId);
    const queue = this.queues.get(orderId) ?? [];
    return (
      this.unkept.get(orderId)?.includes(type) === true ||
      [...this.handling, ...queue].some(({ item }) => item.id === announcementId)
    );
  }

  /** Returns when there may be something to do next; `Infinity` if nothing waits. */
  nextAt(): number {
    // Not `Math.min` of all, which takes no more than some ten thousand.
    return this.firsts().reduce((time, { retryAt }) => Math.min(time, retryAt), Number.POSITIVE_INFINITY);
  }

  isReady(): boolean {
    const now = this.now();
    return this.firsts().some(({ retryAt }) => retryAt <= now);
  }

  hasRoomForUnkept(): boolean {
    return this.unkept.size > 0 && this.queues.size < ROOM;
  }

  /** Returns announcements to read again now, by their ids: not all at once, because each takes up room. */
  unkeptToRead(): string[] {
    const ids: string[] = [];
    for (const [orderId, types] of this.unkept) {
      if (ids.length + types.length > MOST_READ) break;
      ids.push(...types.map((type) => announcementIdOf(orderId, type)));
    }
    return ids;
  }

  /** Takes in those that were found of the ids that were asked for; nobody has the others any more. */
  addUnkept(asked: readonly string[], found: readonly Announcement[]): void {
    const foundById = new Map(found.map((item) => [item.id, item]));
    for (const id of asked) {
      // If it isn't missed any more, something newer has taken its place meanwhile.
      const isMissed = this.stopMissing(id);
      const item = foundById.get(id);
      if (isMissed && item !== undefined) this.enqueue(this.entryOf(item));
    }
  }

  /** Ends what is being handled, as far as this run is concerned, and returns what is to be carried along. */
  carry(limits: CarryLimits = CARRY_LIMITS): Carried {
    this.endHandling((entry) => entry);
    const oldestFirst = [...this.queues.values()].flat().sort((one, other) => one.since - other.since);
    const kept = countWithin(limits.items, oldestFirst);
    for (const { item } of oldestFirst.slice(kept)) this.miss(item);
    const unkept = [...this.unkept];
    // What is beyond even that comes back, too: it is still in the outbox that it came from.
    const named = unkept.slice(0, countWithin(limits.ids, [...this.unkept.keys()]));
    const byTypes = new Map(named.map(([, types]) => [types.join(), { types, orderIds: [] as string[] }]));
    for (const [orderId, types] of named) byTypes.get(types.join())?.orderIds.push(orderId);
    return {
      waiting: oldestFirst.slice(0, kept),
      unkept: [...byTypes.values()].map((group) => ({ receiver: this.receiver, ...group })),
    };
  }

  /** Returns what is kept: first what is being handled. */
  views(): WaitingView[] {
    return [...this.handling, ...[...this.queues.values()].flat()].map(viewOf);
  }

  /** Returns what is not kept. */
  unkeptViews(): WaitingView[] {
    const rest = { since: this.startedAt, failures: 0, lastError: '', retryAt: 0 };
    return [...this.unkept].flatMap(([subject, types]) =>
      types.map((type) => viewOf({ receiver: this.receiver, item: { subject, type }, ...rest })),
    );
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
    const unkept = this.unkept.get(subject) ?? [];
    const former = [...waiting.map((entry) => entry.item.type), ...unkept];
    const known = [...handled.map((entry) => entry.item.type), ...former];
    if (known.some((other) => comesAfter(other, type))) {
      this.onDone(item.id);
      return;
    }
    this.unkept.delete(subject);
    this.queues.set(subject, [this.entryOf(item)]);
    for (const other of former) if (other !== type) this.onDone(announcementIdOf(subject, other));
  }

  private addInOrder(item: Announcement): void {
    if (this.has(item.id)) return;
    if (this.unkept.has(item.subject)) this.miss(item);
    else this.enqueue(this.entryOf(item));
  }

  private entryOf(item: Announcement): Waiting {
    return { receiver: this.receiver, item, since: this.now(), failures: 0, lastError: '', retryAt: 0 };
  }

  /** Puts an entry where it belongs in its order's life. */
  private enqueue(entry: Waiting): void {
    const { subject, type } = entry.item;
    const queue = this.queues.get(subject) ?? [];
    const later = queue.findIndex(({ item }) => comesAfter(item.type, type));
    this.queues.set(subject, queue.toSpliced(later < 0 ? queue.length : later, 0, entry));
  }

  private dequeue(orderId: string): void {
    const [, ...rest] = this.queues.get(orderId) ?? [];
    if (rest.length === 0) this.queues.delete(orderId);
    else this.queues.set(orderId, rest);
  }

  /** Puts what is left of each entry back before those that wait, unless one of them was to take its place. */
  private endHandling(leftOf: (entry: Waiting) => Waiting | undefined): void {
    const handled = this.handling;
    this.handling = [];
    for (const entry of handled) {
      const { id, subject } = entry.item;
      const left = leftOf(entry);
      const queue = this.queues.get(subject) ?? [];
      const isNeedless = left === undefined || (this.receiver.onlyLatest && queue.length > 0);
      if (!isNeedless) this.queues.set(subject, [left, ...queue]);
      else if (!this.has(id)) this.onDone(id);
    }
  }

  private miss({ subject, type }: Announcement): void {
    const types = this.unkept.get(subject) ?? [];
    if (types.includes(type)) return;
    const later = types.findIndex((other) => comesAfter(other, type));
    this.unkept.set(subject, types.toSpliced(later < 0 ? types.length : later, 0, type));
  }

  /** Returns false if it was not missed. */
  private stopMissing(announcementId: string): boolean {
    const [orderId, type] = partsOf(announcementId);
    const types = this.unkept.get(orderId) ?? [];
    const left = types.filter((other) => other !== type);
    if (left.length === 0) this.unkept.delete(orderId);
    else this.unkept.set(orderId, left);
    return left.length < types.length;
  }

  private firsts(): Waiting[] {
    return [...this.queues.values()].flatMap(([first]) => first ?? []);
  }

  private ready(): Waiting[] {
    const now = this.now();
    return this.firsts().filter(({ retryAt }) => retryAt <= now);
  }
}

// Four batches: none has to wait for the next ones to be read.
const ROOM = 100;
// With a hundred lines of the longest names, and a long reason, they have 1.2 MB; Temporal takes 2.
const MOST_READ = 50;

function viewOf({
  receiver,
  item: { subject: orderId, type },
  failures,
  lastError,
  since,
  retryAt,
}: Omit<Waiting, 'item'> & { readonly item: Pick<Announcement, 'subject' | 'type'> }): WaitingView {
  const nextAttemptAt = retryAt === 0 ? undefined : new Date(retryAt).toISOString();
  const began = new Date(since).toISOString();
  return defined({
    ...{ receiver: receiver.name, handler: receiver.handler, orderId, type },
    ...{ failures, lastError, since: began, nextAttemptAt },
  });
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
