import type { Collection, Filter } from 'mongodb';
import type { Announcement } from '../../domain/announcements.ts';
import { announcementOfOrders, announcementOfOutcome } from '../../domain/announcements.ts';
import { defined } from '../../domain/defined.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Line, Order, OrderOutcome, OrderStatus, Reason } from '../../domain/order.ts';
import { identifier, orderStatuses, parseOrder, reasonBy, sameContent } from '../../domain/order.ts';
import type { OrderFilter, OrderRecord } from '../../domain/order-record.ts';
import { checkStored, parseOrderFilter } from '../../domain/order-record.ts';
import type { Page } from '../../domain/page.ts';
import type { DecideRequest, ParticipantRequest } from '../../domain/participant.ts';
import { parseDecideRequest, parseParticipantRequest, refusalsOf } from '../../domain/participant.ts';
import type { RecordedStatus } from '../../domain/resolution.ts';
import { DEFAULT_STRATEGY, type Strategy, strategies } from '../../domain/strategies.ts';
import { problemOf } from '../../domain/sweeps.ts';
import { invalidInput, parse } from '../../domain/validation.ts';
import { pushed } from '../exchange/outbox.ts';
import { insertUnlessPresent, READ_COMMITTED } from '../mongodb/client.ts';
import { contentOf, decidableBy } from '../mongodb/order-content.ts';
import { bytesOf, PAGE_BYTES, pageOf } from '../mongodb/page.ts';

const { lateArrival, alreadyDecided, leftUndecided, attemptExpired, violation, idTaken } =
  refusalsOf('orders');

/** One order, one document: all that the order service knows of it, and its own tombstone. */
export interface OrderDocument {
  _id: string;
  coordinatorId: string;
  customerId: string;
  lines: Line[];
  status: OrderStatus;
  reason?: Reason;
  createdAt: Date;
  updatedAt: Date;
  strategy: Strategy;
  /** What others are still to be told, written with the state that it tells of. */
  outbox?: Announcement[];
}

/** The order service's part in an order: it votes like every participant, and holds the decision. */
export type Orders = ReturnType<typeof createOrders>;

/** An order is a document that is `pending` from prepare until it is decided. Nobody else writes to this collection. */
export function createOrders(orders: Collection<OrderDocument>) {
  return {
    async prepare(input: ParticipantRequest): Promise<void> {
      const request = parseParticipantRequest(input);
      const { order, coordinatorId } = request;
      const { orderId } = order;
      const placed = newDocument(request, 'pending', announcementOfOrders('prepare', request));
      if (await insertUnlessPresent(orders, placed)) return;
      const found = await find(orderId);
      // Another attempt's write may not be durable yet, and what is not durable can't be answered for.
      if (found === null) throw attemptExpired(orderId);
      if (!sameContent(order, toRecord(found))) throw idTaken(orderId);
      const isOurs = found.coordinatorId === coordinatorId;
      if (found.status !== 'pending') throw (isOurs ? lateArrival : alreadyDecided)(orderId, found);
      if (!isOurs) throw leftUndecided(orderId);
    },

    /**
     * Puts the outcome on record unless there is one already, and returns what is on record then.
     *
     * This one write is the commit point of the whole order: no participant is told to commit or to roll back before it, and
     * all are told what it says. So all services agree, whichever runs and resolutions of the order are at work at once.
     * @throws ConcordError `LeftUndecided` if another coordinator's order is pending, and the request doesn't take over;
     *   `ProtocolViolation` if an order is to be confirmed that was never put on record.
     */
    async decide(input: DecideRequest): Promise<OrderOutcome> {
      const request = parseDecideRequest(input);
      const { order, status, coordinatorId, takesOver = false } = request;
      const { orderId } = order;
      if ((await settle(request)) || (await refuseUnseen(request))) return { orderId, ...endOf(request) };
      const found = await find(orderId);
      if (found === null || !sameContent(order, toRecord(found))) {
        if (status === 'confirmed') throw violation(orderId, 'commit', 'not prepared');
        // Another order holds this id, so nothing on record was ever this one's, whatever else speaks against it.
        if (found !== null) return { orderId, status: 'rejected', reason: reasonBy(idTaken(orderId)) };
      }
      if (found?.status === 'pending' && found.coordinatorId !== coordinatorId && !takesOver)
        throw leftUndecided(orderId);
      // Somebody came in between, whom the next attempt sees.
      if (found === null || found.status === 'pending') throw attemptExpired(orderId);
      // A resolution is another one by its nature, and joins nothing.
      const joined = found.coordinatorId === coordinatorId || takesOver ? undefined : (true as const);
      return defined({ orderId, status: found.status, reason: found.reason, joined });
    },

    async inspect(input: Order): Promise<RecordedStatus> {
      const order = parseOrder(input);
      const found = await find(order.orderId);
      // Another order of this id is none of ours.
      if (found === null || !sameContent(order, toRecord(found))) return 'unknown';
      return found.status === 'pending' ? 'prepared' : found.status;
    },

    /** Returns the order's record, or null if the id is unknown. */
    async findOrder(input: string): Promise<OrderRecord | null> {
      const found = await find(parse(identifier(), input, 'orderId'));
      return found === null ? null : toRecord(found);
    },

    /** Returns a page, the newest first; a damaged one says so as its reason, and those whose time is damaged are the last. */
    async listOrders(filter: OrderFilter): Promise<Page<OrderRecord>> {
      const { limit, after, ...wanted } = parseOrderFilter(filter);
      const last = after === undefined ? undefined : await find(after);
      if (last === null) throw new ConcordError('UnknownOrder', { orderId: after ?? '' });
      return pageOf(newestFirst(defined(wanted), last, limit + 1), limit, ({ orderId }) => orderId);
    },
  };

  /** Yields those after `last`, and asks for `count` at once, which is as many as are wanted. */
  async function* newestFirst(
    wanted: Filter<OrderDocument>,
    last: OrderDocument | undefined,
    count: number,
  ): AsyncGenerator<OrderRecord> {
    // The first hundred come at once, and further ones only if they are wanted: large ones may fill a page sooner.
    const options = { ...READ_COMMITTED, limit: count };
    const isLastTimed = last === undefined || timeOrNothing(last.createdAt) !== '';
    for (let from = last, isMore = isLastTimed; isMore; ) {
      const found = orders.find({ ...wanted, ...olderThan(from) }, options).sort({ createdAt: -1, _id: 1 });
      let read = 0;
      for await (const document of found) {
        read += 1;
        from = document;
        // No order has an id that is no text, and nobody could name it to go on after it.
        if (typeof document._id === 'string') yield listed(document);
      }
      isMore = read === count;
    }
    const _id = isLastTimed ? { $type: 'string' as const } : { $gt: last._id };
    const untimed = orders.find({ ...wanted, _id, $nor: [{ createdAt: SOUND_TIME }] }, options);
    for await (const document of untimed.sort({ _id: 1 })) yield listed(document);
  }

  function find(orderId: string): Promise<OrderDocument | null> {
    return orders.findOne({ _id: orderId }, READ_COMMITTED);
  }

  async function settle(request: DecideRequest): Promise<boolean> {
    const end = endOf(request);
    const { matchedCount } = await orders.updateOne(
      { ...contentOf(request.order), status: 'pending', ...decidableBy(request) },
      { $set: end, $currentDate: { updatedAt: true }, ...pushed(announcementOfOutcome(request, end)) },
    );
    return matchedCount === 1;
  }

  /** If prepare never came, this document keeps it from coming late. */
  async function refuseUnseen(request: DecideRequest): Promise<boolean> {
    if (request.status === 'confirmed') return false;
    const { status, reason } = request;
    const refused = newDocument(request, status, announcementOfOutcome(request, request));
    return insertUnlessPresent(orders, { ...refused, reason });
  }
}

function newDocument(
  { order, coordinatorId, placedAt, strategy }: ParticipantRequest,
  status: OrderStatus,
  announcement: Announcement | undefined,
): OrderDocument {
  const createdAt = new Date(placedAt);
  const outbox = announcement && [announcement];
  const times = { createdAt, updatedAt: createdAt };
  return defined({ ...contentOf(order), coordinatorId, status, ...times, strategy, outbox });
}

function endOf(request: DecideRequest): Pick<OrderOutcome, 'status' | 'reason'> {
  const { status } = request;
  return status === 'confirmed' ? { status } : { status, reason: request.reason };
}

function toRecord(document: OrderDocument): OrderRecord {
  const { _id: orderId, strategy, customerId, status, reason } = document;
  const lines = document.lines.map(({ sku, quantity }) => ({ sku, quantity }));
  const times = { createdAt: document.createdAt.toISOString(), updatedAt: document.updatedAt.toISOString() };
  return defined({ orderId, strategy, customerId, lines, status, reason, ...times });
}

/** Finds the dates that JavaScript knows, and nothing that a database only sorts among them, such as a list of dates. */
const SOUND_TIME = { $gte: new Date(-8.64e15), $lte: new Date(8.64e15), $not: { $type: 'array' as const } };

/** Finds orders that are listed after this one; without one, all. */
function olderThan(last: OrderDocument | undefined): Filter<OrderDocument> {
  if (last === undefined) return { createdAt: SOUND_TIME };
  const { _id, createdAt } = last;
  // What is no order may have any id, and `$gt` by itself compares only with those of its type.
  const isBehind =
    typeof _id === 'string' ? { _id: { $gt: _id } } : { $expr: { $gt: ['$_id', { $literal: _id }] } };
  return {
    createdAt: { ...SOUND_TIME, $lte: createdAt },
    $or: [{ createdAt: { $lt: createdAt } }, isBehind],
  };
}

/** As much as can be told of a damaged document, so that all others are listed; `pending` claims nothing. */
function listed(document: OrderDocument): OrderRecord {
  try {
    checkStored({ ...document, orderId: document._id });
    const record = toRecord(document);
    if (bytesOf(record) > PAGE_BYTES) throw invalidInput('record', `it is larger than ${PAGE_BYTES} bytes`);
    return record;
  } catch (error) {
    const orderId = String(document._id);
    const damage = new ConcordError('DamagedOrder', { orderId, problem: problemOf(error) });
    return {
      orderId,
      strategy: strategies.find((name) => name === document.strategy) ?? DEFAULT_STRATEGY,
      customerId: identifier().safeParse(document.customerId).data ?? '',
      lines: [],
      status: orderStatuses.find((name) => name === document.status) ?? 'pending',
      reason: reasonBy(damage),
      createdAt: timeOrNothing(document.createdAt),
      updatedAt: timeOrNothing(document.updatedAt),
    };
  }
}

function timeOrNothing(value: unknown): string {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : '';
}
