import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import { mailboxIdOf } from '../domain/addresses.ts';
import type { Announcement, AnnouncementType } from '../domain/announcements.ts';
import { defined } from '../domain/defined.ts';
import type { parseEventFilter } from '../domain/order-record.ts';
import { parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import type { OwnStuckStep, StuckStep } from '../domain/stuck-step.ts';
import { describeExecution, type Listed, listWorkflows } from '../platform/visibility/executions.ts';
import { pendingSteps } from '../platform/visibility/stuck-steps.ts';
import { EventBook, isOpen, type Publication } from './event-book.ts';
import { startOf } from './history.ts';
import { type Fact, MailboxReader } from './mailbox-reader.ts';

type Filter = ReturnType<typeof parseEventFilter>;

/** What `source` has published of an order at `time`, by its own clock, if event-driven. Times are ISO 8601. */
export interface OrderEvent extends Pick<Announcement, 'id' | 'type' | 'source' | 'time'> {
  readonly orderId: string;
  /** When it came to the mailbox that hands it to its subscribers, by Temporal's clock. */
  readonly publishedAt: string;
  /** One for each subscriber; none if nobody subscribes. */
  readonly deliveries: readonly DeliveryView[];
}

export interface DeliveryView extends Partial<Pick<OwnStuckStep, 'lastError' | 'nextAttemptAt'>> {
  readonly subscriber: string;
  /** `replaced`: the subscriber has handled a later event of the order instead, which says all that counts. */
  readonly state: 'delivered' | 'delivering' | 'retrying' | 'replaced';
  /** The attempt that runs or comes next, if one has failed: from 2. */
  readonly attempt?: number;
}

/** Finds the newest events, in the order of publication by one clock, so that each comes after what it follows from. */
export function findEvents(client: Client, filter: Filter): Promise<OrderEvent[]> {
  return eventFollower(client, filter)();
}

/** Returns what to call again and again: it finds the newest events, then those that are new or have got on. */
export function eventFollower(client: Client, filter: Filter): () => Promise<OrderEvent[]> {
  let events: PublishedEvents | undefined;
  let shown = new Set<string>();
  return async () => {
    const limit = events === undefined ? filter.limit : Number.POSITIVE_INFINITY;
    if (events === undefined) events = await newestEvents(client, filter);
    else await events.readOn();
    const views = await events.views();
    const news = views.filter((view) => !shown.has(JSON.stringify(view)));
    shown = new Set(views.map((view) => JSON.stringify(view)));
    return news.slice(-limit);
  };
}

/** Finds every event that Temporal still knows of. */
export async function findAllEvents(client: Client): Promise<Publication[]> {
  const events = new PublishedEvents(client);
  await events.readNewest(Number.POSITIVE_INFINITY);
  return events.book.publications();
}

async function newestEvents(client: Client, { orderId, limit }: Filter): Promise<PublishedEvents> {
  const start = orderId === undefined ? undefined : await startOfEvents(client, orderId);
  const events = new PublishedEvents(client, orderId, start?.mailboxId);
  if (start !== undefined) await events.readFrom(start.time);
  else if (orderId === undefined) await events.readNewest(limit);
  // What a stranger has encrypted is left out; if nothing can be read, the key is ours to find.
  if (!events.hasFacts && events.unreadable !== undefined) throw events.unreadable;
  return events;
}

/** Where and from when on an order's events come; undefined if it has none, or Temporal keeps it no more. */
async function startOfEvents(client: Client, orderId: string) {
  const workflowId = workflowIdOf(orderId);
  if ((await describeExecution(client, { workflowId })) === undefined) return undefined;
  const { input, time } = await startOf(client, workflowId);
  const { order, strategy } = parsePlaceOrderInput(input);
  return strategy === 'event-driven' ? { mailboxId: mailboxIdOf(order), time } : undefined;
}

/** What mailboxes have taken in and handed over, as their histories tell. */
class PublishedEvents {
  readonly book: EventBook;
  unreadable: unknown;
  hasFacts = false;
  private readonly client: Client;
  private readonly mailboxes: string;
  /** Of the mailboxes that go on, by run. */
  private running = new Map<string, MailboxReader>();

  /** By default those of all orders, in all mailboxes. */
  constructor(client: Client, orderId?: string, mailboxId?: string) {
    this.client = client;
    this.book = new EventBook(orderId);
    const named = mailboxId === undefined ? '' : ` AND WorkflowId = '${mailboxId}'`;
    this.mailboxes = `WorkflowType = 'mailbox'${named}`;
  }

  /** Reads the runs in which so many of the newest events are. */
  async readNewest(limit: number): Promise<void> {
    const facts: Fact[] = [];
    // Those that run come first, and then the last ended.
    for await (const listed of listWorkflows(this.client, this.mailboxes)) {
      if (listed.endedAt !== undefined && countAfter(listed.endedAt, facts) >= limit) break;
      facts.unshift(...(await this.read(listed)));
    }
    this.book.enter(facts);
  }

  /** Reads the runs from that time on, until the order is settled, and nothing of it waits any more. */
  async readFrom(time: string): Promise<void> {
    const query = `${this.mailboxes} AND (ExecutionStatus = 'Running' OR CloseTime >= '${time}')`;
    const runs: Listed[] = [];
    for await (const listed of listWorkflows(this.client, query)) runs.unshift(listed);
    for (const listed of runs) {
      this.book.enter(await this.read(listed));
      const events = this.book.publications();
      if (events.some(({ event }) => LAST_TYPES.includes(event.type)) && !events.some(isOpen)) break;
    }
  }

  async readOn(): Promise<void> {
    const before = this.running;
    this.running = new Map();
    const query = `${this.mailboxes} AND ExecutionStatus = 'Running'`;
    // What ended meanwhile is read a last time.
    for (const reader of before.values()) this.book.enter(await reader.readOn());
    for await (const listed of listWorkflows(this.client, query)) {
      const known = before.get(listed.runId);
      if (known === undefined) this.book.enter(await this.read(listed));
      else this.running.set(listed.runId, known);
    }
    this.book.forgetSettled(KEPT_ORDERS);
  }

  async views(): Promise<OrderEvent[]> {
    const publications = this.book.publications();
    const failing = publications.some(isOpen) ? await this.failingBatches() : [];
    return publications.map((publication) => viewOf(publication, failing));
  }

  private async read(listed: Listed): Promise<Fact[]> {
    const reader = new MailboxReader(this.client, listed);
    if (listed.endedAt === undefined) this.running.set(listed.runId, reader);
    const facts = await reader.readOn();
    this.unreadable ??= reader.unreadable;
    this.hasFacts ||= facts.length > 0;
    return facts;
  }

  /** A history does not tell of attempts that fail while there are more to come. */
  private async failingBatches(): Promise<StuckStep[]> {
    const steps = await pMap(this.running.values(), ({ run }) => pendingSteps(this.client, run));
    return steps.flat().filter(({ attempts }) => attempts > 0);
  }
}

const LAST_TYPES: readonly AnnouncementType[] = ['StockSold', 'StockReleased'];

// What comes again of these is no news.
const KEPT_ORDERS = 250;

function countAfter(time: string, facts: readonly Fact[]): number {
  const later = facts.flatMap((fact) =>
    'announcement' in fact && fact.time > time ? fact.announcement.id : [],
  );
  return new Set(later).size;
}

function viewOf({ event, publishedAt, deliveries }: Publication, failing: readonly StuckStep[]): OrderEvent {
  const { id, type, subject: orderId, source, time } = event;
  const mailboxId = mailboxIdOf(event.data.order);
  const sorted = deliveries.toSorted((one, other) => (one.subscriber < other.subscriber ? -1 : 1));
  const views = sorted.map(({ subscriber, handler, state, failures, lastError }): DeliveryView => {
    if (state !== 'waiting') return { subscriber, state };
    if (failures > 0) return { subscriber, state: 'retrying', attempt: failures + 1, lastError };
    const batch = failing.find(({ workflowId, step }) => workflowId === mailboxId && step === handler);
    if (batch === undefined) return { subscriber, state: 'delivering' };
    const { attempts, lastError: why, nextAttemptAt } = batch;
    const retrying = { subscriber, state: 'retrying' as const, attempt: attempts + 1, lastError: why };
    return defined({ ...retrying, nextAttemptAt });
  });
  return { id, type, orderId, source, time, publishedAt, deliveries: views };
}
