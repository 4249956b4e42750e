import type { Collection } from 'mongodb';
import pMap from 'p-map';
import { z } from 'zod';
import { mailboxIdOf } from '../../domain/addresses.ts';
import { type Announcement, parseAnnouncement, partsOf } from '../../domain/announcements.ts';
import type { Line, Order } from '../../domain/order.ts';
import { SWEEP_TIME } from '../../domain/policies.ts';
import { problemOf, type Skipped } from '../../domain/sweeps.ts';
import { invalidInput, parse } from '../../domain/validation.ts';
import { READ_COMMITTED } from '../mongodb/client.ts';
import { contentOf } from '../mongodb/order-content.ts';
import type { Post } from './post.ts';

/** A document per order, with what is still to be told of it, oldest first. */
interface OutboxDocument {
  _id: string;
  customerId: string;
  lines: Line[];
  outbox?: Announcement[];
}

/**
 * The outboxes of one service. An announcement is written together with the state that it tells of, and is taken out when
 * all its receivers have it: so it is told at least once. Source of the pattern: transactional outbox, Chris Richardson,
 * Microservices Patterns.
 */
export type Outboxes = ReturnType<typeof createOutboxes>;

/** @param carryOut Does what an order's announcements tell of, if that is not done yet. */
export function createOutboxes(
  documents: Collection<OutboxDocument>,
  { post, report }: { readonly post: Post; readonly report: (skipped: Skipped) => void },
  carryOut: (orderId: string) => Promise<void> = async () => {},
) {
  const full = { 'outbox.0': { $exists: true } };
  const options = { ...READ_COMMITTED, projection: { outbox: 1 } };

  return {
    /** Returns what is in the outbox of an order. */
    async read(orderId: string): Promise<Announcement[]> {
      return announcementsIn(await documents.findOne({ _id: orderId }, options));
    },

    /** Returns those of these announcements that are still in an outbox. */
    async findAnnouncements(ids: readonly string[]): Promise<Announcement[]> {
      const found = await documents.find({ _id: { $in: orderIdsIn(ids) } }, options).toArray();
      return found.flatMap(announcementsIn).filter(({ id }) => ids.includes(id));
    },

    confirmPublished,

    /** Removes all that is in the outbox of just this order, not of another one of its id. */
    async clear(order: Order): Promise<void> {
      await documents.updateOne(contentOf(order), { $set: { outbox: [] } });
    },

    /**
     * Publishes what lies in an outbox for long, and is in no mailbox: whoever has written it died before handing it over, or
     * the mailbox was ended by hand. Returns what is too damaged to be published, and keeps none of the others.
     */
    async publishLeftBehind(): Promise<Skipped[]> {
      const timeIsUp = Date.now() + SWEEP_TIME;
      const skipped: Skipped[] = [];
      const skip = (orderId: string, error: unknown) => {
        const one = { orderId, problem: problemOf(error) };
        skipped.push(one);
        report(one);
      };
      for await (const page of pagesOf(documents.find(full, options))) {
        const old = page.flatMap((document) => {
          try {
            return announcementsIn(document).filter(isOld);
          } catch (error) {
            skip(String(document._id), error);
            return [];
          }
        });
        const byOrder = groupedBy(({ subject }) => subject, await lackingAnywhere(old));
        const handOver = async ([orderId, announcements]: [string, Announcement[]]) =>
          publishAgain(orderId, announcements).catch((error) => skip(orderId, error));
        await pMap(byOrder, handOver, { concurrency: ORDERS_AT_ONCE });
        if (Date.now() > timeIsUp) break;
      }
      return skipped.slice(0, MAXIMUM_SKIPPED);
    },
  };

  async function confirmPublished(ids: readonly string[]): Promise<void> {
    const outbox = { id: { $in: parse(idsSchema, ids) } };
    // Another order's outbox may hold something that is no list, which no operator may be applied to.
    const found = { _id: { $in: orderIdsIn(ids) }, outbox: { $elemMatch: outbox } };
    await documents.updateMany(found, { $pull: { outbox } });
  }

  /** A message to the order's own workflow is in no mailbox. */
  async function lackingAnywhere(announcements: readonly Announcement[]): Promise<Announcement[]> {
    const replies = announcements.filter(isReply);
    const others = announcements.filter((announcement) => !isReply(announcement));
    const byMailbox = groupedBy(({ data }) => mailboxIdOf(data.order), others);
    const lacking = await pMap(byMailbox.values(), (each) => post.lacking(each));
    return [...replies, ...lacking.flat()];
  }

  async function publishAgain(orderId: string, announcements: readonly Announcement[]): Promise<void> {
    await carryOut(orderId);
    for (const announcement of announcements) {
      if (isReply(announcement)) await post.reply(announcement);
      else await post.publish(announcement);
    }
    const replies = announcements.filter(isReply).map(({ id }) => id);
    if (replies.length > 0) await confirmPublished(replies);
  }
}

// An id has at most 115 characters.
const idsSchema = z.array(z.string().max(200)).max(1_000);
const ORDERS_AT_ONCE = 16;
const DOCUMENTS_AT_ONCE = 500;
const MAXIMUM_SKIPPED = 100;
// Much longer than handing over and confirming take. Milliseconds.
const LEFT_BEHIND = 2 * 60_000;

/** The part of an update that puts an announcement into the outbox; empty if there is nothing to tell. */
export function pushed(announcement: Announcement | undefined): { $push?: { outbox: Announcement } } {
  return announcement === undefined ? {} : { $push: { outbox: announcement } };
}

/** @throws ConcordError if somebody has changed what is there, so that it counts as a failure of this order alone. */
function announcementsIn(document: OutboxDocument | null): Announcement[] {
  const outbox: unknown = document?.outbox ?? [];
  if (!Array.isArray(outbox)) throw invalidInput('outbox', 'it must be a list');
  return outbox.map(parseAnnouncement);
}

function orderIdsIn(ids: readonly string[]): string[] {
  return [...new Set(ids.map((id) => partsOf(id)[0]))];
}

/** Also if its time makes no sense. */
function isOld({ time }: Announcement): boolean {
  return !(Date.now() - Date.parse(time) <= LEFT_BEHIND);
}

function isReply({ source, data }: Announcement): boolean {
  return source === '/concord/inventory' && data.strategy === 'message-queue';
}

function groupedBy(keyOf: (announcement: Announcement) => string, announcements: readonly Announcement[]) {
  const groups = new Map<string, Announcement[]>();
  for (const announcement of announcements) {
    const key = keyOf(announcement);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(announcement);
  }
  return groups;
}

async function* pagesOf<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let page: Item[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length < DOCUMENTS_AT_ONCE) continue;
    yield page;
    page = [];
  }
  yield page;
}
