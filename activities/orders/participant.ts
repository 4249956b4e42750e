import type { Collection, Filter } from 'mongodb';
import { type Announcement, announcementOfOrders } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Line, Order, OrderStatus, Reason } from '../../domain/order.ts';
import { identifier, sameContent } from '../../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../../domain/order-record.ts';
import {
  type Participant,
  type ParticipantRequest,
  parseParticipantRequest,
  parseRollbackRequest,
  type RollbackRequest,
} from '../../domain/participant.ts';
import { DEFAULT_STRATEGY, type Strategy, strategies } from '../../domain/strategies.ts';
import { parse } from '../../domain/validation.ts';
import { insertUnlessPresent, READ_COMMITTED } from '../mongodb/client.ts';

/** One order, one document: the order service's whole memory of it, and its own tombstone. */
export interface OrderDocument {
  _id: string;
  transaction: string;
  customerId: string;
  lines: Line[];
  status: OrderStatus;
  reason?: Reason;
  createdAt: Date;
  updatedAt: Date;
  strategy?: Strategy;
  /** What the inventory is still to be told, written with the state that it tells of. */
  outbox?: Announcement[];
}

/**
 * The order service's part in an order: a document that is `pending` from prepare until it is settled.
 *
 * @param orders The collection that holds the orders; nobody else writes to it.
 */
export function createOrders(orders: Collection<OrderDocument>): Participant & OrderReads {
  return {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      const { order } = request;
      const placed = newDocument(request, order, 'pending', announcementOfOrders('prepare', request));
      if (await insertUnlessPresent(orders, placed)) return;
      const found = await read(order.orderId);
      refuseOtherContent(order, found);
      const isOurs = found.transaction === request.transaction;
      if (found.status !== 'pending') throw isOurs ? lateArrival(found) : alreadyDecided(found);
      if (!isOurs) throw new ConcordError('LeftUndecided', { orderId: order.orderId });
    },

    async commit(input) {
      const request = parseParticipantRequest(input);
      const { order } = request;
      if (await settle(request, { status: 'confirmed' })) return;
      const found = await claim(request, order);
      if (found === null || !sameContent(order, toRecord(found))) {
        throw violation(order.orderId, 'commit', 'not prepared');
      }
      if (found.status === 'pending') await settleNow(request, { status: 'confirmed' });
      else if (found.status !== 'confirmed') throw violation(order.orderId, 'commit', found.status);
    },

    async rollback(input) {
      const request = parseRollbackRequest(input);
      const { order, status, reason } = request;
      if (await settle(request, { status, reason })) return;
      // Nothing of ours is pending: prepare never came, and this document keeps it from coming late, or it is settled.
      const refused = newDocument(request, order, status, announcementOfOrders('rollback', request));
      if (await insertUnlessPresent(orders, { ...refused, reason })) return;
      const found = await claim(request, order);
      if (found === null) throw attemptExpired(order.orderId);
      if (!sameContent(order, toRecord(found))) return; // another order holds this id: nothing here was ever ours
      if (found.status === 'pending') await settleNow(request, { status, reason });
      else refuseOtherOutcome(request, found);
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
        ...(strategy === undefined ? {} : { strategy: strategyFilter(strategy) }),
      };
      const found = orders.find(query, READ_COMMITTED).sort({ createdAt: -1, _id: 1 }).limit(limit);
      return (await found.toArray()).map(toRecord);
    },
  };

  async function settle(
    request: ParticipantRequest,
    outcome: { status: OrderStatus; reason?: Reason },
  ): Promise<boolean> {
    const { order, transaction } = request;
    const step = outcome.status === 'confirmed' ? 'commit' : 'rollback';
    const announcement = announcementOfOrders(step, request);
    const { matchedCount } = await orders.updateOne(
      { _id: order.orderId, status: 'pending', transaction },
      {
        $set: outcome,
        $currentDate: { updatedAt: true },
        ...(announcement === undefined ? {} : { $push: { outbox: announcement } }),
      },
    );
    return matchedCount === 1;
  }

  async function settleNow(...[request, outcome]: Parameters<typeof settle>): Promise<void> {
    // It was pending a moment ago: whoever came in between is seen by the next attempt.
    if (!(await settle(request, outcome))) throw attemptExpired(request.order.orderId);
  }

  /**
   * The order as it is on record; what another coordinator left undecided becomes this request's own first.
   *
   * @throws ConcordError `LeftUndecided` where the request may not take it over.
   */
  async function claim(request: ParticipantRequest, order: Order): Promise<OrderDocument | null> {
    const { transaction, takesOver = false } = request;
    const found = await orders.findOne({ _id: order.orderId }, READ_COMMITTED);
    if (found?.status !== 'pending' || found.transaction === transaction) return found;
    if (!sameContent(order, toRecord(found))) return found;
    if (!takesOver) throw new ConcordError('LeftUndecided', { orderId: order.orderId });
    await orders.updateOne(
      { _id: found._id, status: 'pending', transaction: found.transaction },
      { $set: { transaction }, $currentDate: { updatedAt: true } },
    );
    return read(found._id);
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
  /** The newest orders first. @throws ConcordError `InvalidInput` */
  listOrders(filter: OrderFilter): Promise<OrderRecord[]>;
}

/** An order of the default strategy has none on record. */
function strategyFilter(strategy: Strategy): Strategy | { $nin: Strategy[] } {
  return strategy === DEFAULT_STRATEGY ? { $nin: strategies.filter((name) => name !== strategy) } : strategy;
}

function newDocument(
  request: ParticipantRequest,
  order: Order,
  status: OrderStatus,
  announcement: Announcement | undefined,
): OrderDocument {
  const createdAt = new Date(request.placedAt);
  const { transaction, strategy } = request;
  const { orderId, customerId, lines } = order;
  return {
    _id: orderId,
    transaction,
    customerId,
    lines: [...lines],
    status,
    createdAt,
    updatedAt: createdAt,
    ...(strategy === undefined ? {} : { strategy }),
    ...(announcement === undefined ? {} : { outbox: [announcement] }),
  };
}

function refuseOtherContent(order: Order, found: OrderDocument): void {
  if (!sameContent(order, toRecord(found))) {
    throw new ConcordError('OrderIdTaken', { orderId: order.orderId });
  }
}

function lateArrival({ _id: orderId, status, reason }: OrderDocument): ConcordError {
  const recorded = reason === undefined ? { status } : { status, reason };
  return new ConcordError('LateArrival', { participant: 'orders', orderId, ...recorded });
}

function refuseOtherOutcome(request: RollbackRequest, found: OrderDocument): void {
  if (found.transaction !== request.transaction) throw alreadyDecided(found);
  if (found.status !== request.status) throw violation(found._id, 'rollback', found.status);
}

function alreadyDecided({ _id: orderId, status, reason }: OrderDocument): ConcordError {
  return new ConcordError('AlreadyDecided', { orderId, status, ...(reason === undefined ? {} : { reason }) });
}

function attemptExpired(orderId: string): ConcordError {
  return new ConcordError('AttemptExpired', { participant: 'orders', orderId });
}

function violation(orderId: string, asked: string, found: string): ConcordError {
  return new ConcordError('ProtocolViolation', { participant: 'orders', orderId, asked, found });
}

function toRecord(document: OrderDocument): OrderRecord {
  const { _id: orderId, customerId, lines, status, reason, createdAt, updatedAt } = document;
  const { strategy = DEFAULT_STRATEGY } = document;
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
