import type { Collection } from 'mongodb';
import pMap from 'p-map';
import { z } from 'zod';
import { type Announcement, announcementId, parseAnnouncement, partsOf } from '../../domain/announcements.ts';
import type { Envelope } from '../../domain/envelopes.ts';
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
  const options = { ...READ_COMMITTED, projection: { outbox: 1 } };

  return {
    /** Returns what is in the outbox of an order. */
    async read(orderId: string): Promise<Announcement[]> {
      return parsed(await documents.findOne({ _id: orderId }, options));
    },

    /** Returns what is in the outboxes of these orders. Of what is damaged the sweep tells. */
    async findAnnouncements(orderIds: readonly string[]): Promise<Envelope[]> {
      const wanted = { _id: { $in: parse(idsSchema, orderIds) } };
      const found = await documents.find(wanted, options).toArray();
      return found.flatMap((document) => announcementsIn(document, () => {})).map(post.addressed);
    },

    confirmPublished,

    /** Removes all that is in the outbox of just this order, not of another one of its id. */
    async clear(order: Order): Promise<void> {
      await documents.updateOne(contentOf(order), { $set: { outbox: [] } });
    },

    /** Publishes what is old and in no mailbox: its writer died, or the mailbox was ended by hand. Returns what is damaged. */
    async publishLeftBehind(): Promise<Skipped[]> {
      const timeIsUp = Date.now() + SWEEP_TIME;
      const skipped: Skipped[] = [];
      const skip = (orderId: string) => (error: unknown) => {
        const one = { orderId, problem: problemOf(error) };
        skipped.push(one);
        report(one);
      };
      for await (const page of pagesOf(documents.find({ 'outbox.0': { $exists: true } }, options))) {
        const old = page.map((document) => oldIn(announcementsIn(document, skip(String(document._id)))));
        const lacking = new Set(await post.lacking(old.flat().filter((each) => !isReply(each))));
        const handOver = async (announcements: readonly Announcement[]) => {
          const left = announcements.filter((each) => lacking.has(each) || isReply(each));
          const [first] = left;
          if (first !== undefined) await publishAgain(left).catch(skip(first.subject));
        };
        await pMap(old, handOver, { concurrency: ORDERS_AT_ONCE });
        if (Date.now() > timeIsUp) break;
      }
      return skipped.slice(0, MAXIMUM_SKIPPED);
    },
  };

  async function confirmPublished(ids: readonly string[]): Promise<void> {
    const outbox = { id: { $in: parse(idsSchema, ids) } };
    const orderIds = [...new Set(ids.map((id) => partsOf(id)[0]))];
    // Another order's outbox may hold something that is no list, which no operator may be applied to.
    const found = { _id: { $in: orderIds }, outbox: { $elemMatch: outbox } };
    await documents.updateMany(found, { $pull: { outbox } });
  }

  /** Those of one order, in order. */
  async function publishAgain(announcements: readonly Announcement[]): Promise<void> {
    for (const announcement of announcements) {
      await carryOut(announcement.subject);
      if (!isReply(announcement)) await post.publish(announcement);
      else {
        await post.reply(announcement);
        await confirmPublished([announcement.id]);
      }
    }
  }
}

const idsSchema = z.array(announcementId()).max(1_000);
const ORDERS_AT_ONCE = 16;
const DOCUMENTS_AT_ONCE = 500;
const MAXIMUM_SKIPPED = 100;
// Much longer than handing over and confirming take. Milliseconds.
const LEFT_BEHIND = 2 * 60_000;

/** The part of an update that puts an announcement into the outbox; empty if there is nothing to tell. */
export function pushed(announcement: Announcement | undefined): { $push?: { outbox: Announcement } } {
  return announcement === undefined ? {} : { $push: { outbox: announcement } };
}

/** Nothing if somebody has changed what is there, which is a failure of this order alone. */
function announcementsIn(document: OutboxDocument, onDamage: (error: unknown) => void): Announcement[] {
  try {
    return parsed(document);
  } catch (error) {
    onDamage(error);
    return [];
  }
}

function parsed(document: OutboxDocument | null): Announcement[] {
  const outbox: unknown = document?.outbox ?? [];
  if (!Array.isArray(outbox)) throw invalidInput('outbox', 'it must be a list');
  return outbox.map(parseAnnouncement);
}

/** What was written before an old one is old, too, whatever the clock of its writer says. */
function oldIn(outbox: readonly Announcement[]): readonly Announcement[] {
  return outbox.slice(0, outbox.findLastIndex(isOld) + 1);
}

/** Also if its time makes no sense. */
const isOld = ({ time }: Announcement): boolean => !(Date.now() - Date.parse(time) <= LEFT_BEHIND);

/** A message to the order's own workflow, which is in no mailbox. */
function isReply({ source, data }: Announcement): boolean {
  return source === '/concord/inventory' && data.strategy === 'message-queue';
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
