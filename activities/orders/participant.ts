import type { Collection, Filter } from 'mongodb';
import {
  type Announcement,
  announcementOfOrders,
  announcementOfOutcome,
} from '../../domain/announcements.ts';
import { defined } from '../../domain/defined.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { FinalStatus, Line, Order, OrderOutcome, OrderStatus, Reason } from '../../domain/order.ts';
import { identifier, orderStatuses, parseOrder, sameContent } from '../../domain/order.ts';
import {
  checkStored,
  type OrderFilter,
  type OrderRecord,
  parseOrderFilter,
} from '../../domain/order-record.ts';
import {
  type DecideRequest,
  type Participant,
  type ParticipantRequest,
  parseDecideRequest,
  parseParticipantRequest,
  refusalsOf,
} from '../../domain/participant.ts';
import type { Inspectable } from '../../domain/resolution.ts';
import { DEFAULT_STRATEGY, type Strategy, strategies } from '../../domain/strategies.ts';
import { problemOf } from '../../domain/sweeps.ts';
import { parse } from '../../domain/validation.ts';
import { insertUnlessPresent, READ_COMMITTED } from '../mongodb/client.ts';

const { lateArrival, alreadyDecided, leftUndecided, attemptExpired, violation, idTaken } =
  refusalsOf('orders');

/** One order, one document: the order service's whole memory of it, and its own tombstone. */
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
  /** What the inventory is still to be told, written with the state that it tells of. */
  outbox?: Announcement[];
}

/** The order service's part in an order: it votes like every participant, and holds the decision. */
export interface Orders extends Pick<Participant, 'prepare'>, Inspectable, OrderReads {
  /**
   * Puts the outcome on record unless there is one already, and returns what is on record then.
   *
   * This one write is the commit point of the whole order: no participant is told to commit or to roll back before it, and
   * all are told what it says. So all services agree, whichever runs of the order's workflow and whichever resolutions of it
   * are at work at the same time.
   *
   * @throws ConcordError `LeftUndecided` where another coordinator's order is pending, and the request doesn't take over;
   *   `ProtocolViolation` where an order shall be confirmed that was never put on record.
   */
  decide(request: DecideRequest): Promise<OrderOutcome>;
}

/**
 * An order is a document that is `pending` from prepare until it is decided.
 *
 * @param orders The collection that holds the orders; nobody else writes to it.
 */
export function createOrders(orders: Collection<OrderDocument>): Orders {
  return {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      const { order } = request;
      const placed = newDocument(request, order, 'pending', announcementOfOrders('prepare', request));
      if (await insertUnlessPresent(orders, placed)) return;
      const found = await read(order.orderId);
      refuseOtherContent(order, found);
      const isOurs = found.coordinatorId === request.coordinatorId;
      if (found.status !== 'pending')
        throw isOurs ? lateArrival(order.orderId, found) : alreadyDecided(order.orderId, found);
      if (!isOurs) throw leftUndecided(order.orderId);
    },

    async decide(input) {
      const request = parseDecideRequest(input);
      if ((await settle(request)) || (await refuseUnseen(request))) return outcomeOf(request);
      const { order, status, coordinatorId, takesOver = false } = request;
      const found = await orders.findOne({ _id: order.orderId }, READ_COMMITTED);
      if (found === null || !sameContent(order, toRecord(found))) {
        if (status === 'confirmed') throw violation(order.orderId, 'commit', 'not prepared');
        // Another order holds this id, so nothing on record was ever this one's.
        if (found !== null) return outcomeOf(request);
      }
      if (found?.status === 'pending' && found.coordinatorId !== coordinatorId && !takesOver) {
        throw leftUndecided(order.orderId);
      }
      // Somebody came in between, who is seen by the next attempt.
      if (found === null || found.status === 'pending') throw attemptExpired(order.orderId);
      return recordedOutcome(found);
    },

    async inspect(input) {
      const order = parseOrder(input);
      const found = await orders.findOne({ _id: order.orderId }, READ_COMMITTED);
      // Another order of this id is none of ours.
      if (found === null || !sameContent(order, toRecord(found))) return 'unknown';
      return found.status === 'pending' ? 'prepared' : found.status;
    },

    async findOrder(input) {
      const orderId = parse(identifier(), input, 'orderId');
      const found = await orders.findOne({ _id: orderId }, READ_COMMITTED);
      return found === null ? null : toRecord(found);
    },

    async listOrders(filter) {
      const { status, customerId, strategy, limit } = parseOrderFilter(filter);
      const query: Filter<OrderDocument> = {
        ...(status === undefined ? {} : { status }),
        ...(customerId === undefined ? {} : { customerId }),
        ...(strategy === undefined ? {} : { strategy }),
      };
      const found = orders.find(query, READ_COMMITTED).sort({ createdAt: -1, _id: 1 }).limit(limit);
      return (await found.toArray()).map(listed);
    },
  };

  async function settle(request: DecideRequest): Promise<boolean> {
    const { order, coordinatorId, takesOver = false } = request;
    const announcement = announcementOfOutcome(request, endOf(request));
    const { matchedCount } = await orders.updateOne(
      {
        _id: order.orderId,
        customerId: order.customerId,
        lines: [...order.lines],
        status: 'pending',
        ...(takesOver ? {} : { coordinatorId }),
      },
      {
        $set: endOf(request),
        $currentDate: { updatedAt: true },
        ...(announcement === undefined ? {} : { $push: { outbox: announcement } }),
      },
    );
    return matchedCount === 1;
  }

  /** Where prepare never came, this document keeps it from coming late. */
  async function refuseUnseen(request: DecideRequest): Promise<boolean> {
    if (request.status === 'confirmed') return false;
    const { order, status, reason } = request;
    const refused = newDocument(request, order, status, announcementOfOutcome(request, endOf(request)));
    return insertUnlessPresent(orders, { ...refused, reason });
  }

  async function read(orderId: string): Promise<OrderDocument> {
    const found = await orders.findOne({ _id: orderId }, READ_COMMITTED);
    // Another attempt's write may not be durable yet, and what is not durable can't be answered for.
    if (found === null) throw attemptExpired(orderId);
    return found;
  }
}

/** What the order service answers about orders; reads only. */
export interface OrderReads {
  /** The order's record, or null where the id is unknown. */
  findOrder(orderId: string): Promise<OrderRecord | null>;
  /** The newest orders first; one whose document is damaged says so as its reason. @throws ConcordError `InvalidInput` */
  listOrders(filter: OrderFilter): Promise<OrderRecord[]>;
}

function newDocument(
  request: ParticipantRequest,
  order: Order,
  status: OrderStatus,
  announcement: Announcement | undefined,
): OrderDocument {
  const createdAt = new Date(request.placedAt);
  const { coordinatorId, strategy } = request;
  const { orderId, customerId, lines } = order;
  return {
    _id: orderId,
    coordinatorId,
    customerId,
    lines: [...lines],
    status,
    createdAt,
    updatedAt: createdAt,
    strategy,
    ...(announcement === undefined ? {} : { outbox: [announcement] }),
  };
}

function refuseOtherContent(order: Order, found: OrderDocument): void {
  if (!sameContent(order, toRecord(found))) {
    throw idTaken(order.orderId);
  }
}

function endOf(request: DecideRequest): Pick<OrderOutcome, 'status' | 'reason'> {
  const { status } = request;
  return status === 'confirmed' ? { status } : { status, reason: request.reason };
}

function outcomeOf(request: DecideRequest): OrderOutcome {
  return { orderId: request.order.orderId, ...endOf(request) };
}

function recordedOutcome({ _id: orderId, status, reason }: OrderDocument): OrderOutcome {
  return defined({ orderId, status: status as FinalStatus, reason });
}

function toRecord(document: OrderDocument): OrderRecord {
  const { _id: orderId, customerId, lines, status, reason, createdAt, updatedAt, strategy } = document;
  return {
    orderId,
    strategy,
    customerId,
    lines: lines.map(({ sku, quantity }) => ({ sku, quantity })),
    status,
    ...(reason === undefined ? {} : { reason }),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** Whatever is wrong with one document, all others are listed. */
function listed(document: OrderDocument): OrderRecord {
  try {
    checkStored({ ...document, orderId: document._id });
    return toRecord(document);
  } catch (error) {
    return damagedRecord(document, problemOf(error));
  }
}

/** As much as can be told of it; what can't is empty, and `pending` claims nothing. */
function damagedRecord(document: OrderDocument, problem: string): OrderRecord {
  const { _id, customerId, status, strategy, createdAt, updatedAt } = document;
  const orderId = String(_id);
  const { code, message, details } = new ConcordError('DamagedOrder', { orderId, problem });
  return {
    orderId,
    strategy: strategies.find((name) => name === strategy) ?? DEFAULT_STRATEGY,
    customerId: identifier().safeParse(customerId).data ?? '',
    lines: [],
    status: orderStatuses.find((name) => name === status) ?? 'pending',
    reason: { code, message, details: { ...details } },
    createdAt: timeOrNothing(createdAt),
    updatedAt: timeOrNothing(updatedAt),
  };
}

function timeOrNothing(value: unknown): string {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : '';
}
