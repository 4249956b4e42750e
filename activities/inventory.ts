import type { Collection } from 'mongodb';
import { type Announcement, announcementOfInventory } from '../domain/announcements.ts';
import { ConcordError } from '../domain/errors.ts';
import type { Line, Order } from '../domain/order.ts';
import { sameContent } from '../domain/order.ts';
import {
  type Participant,
  type ParticipantRequest,
  parseParticipantRequest,
  parseRollbackRequest,
} from '../domain/participant.ts';
import { policies, TOMBSTONE_MARGIN } from '../domain/policies.ts';
import { parseReceipt, parseSkus, type Receipt, STOCK_LIMIT, type StockLevel } from '../domain/stock.ts';
import type { Strategy } from '../domain/strategies.ts';
import { insertUnlessPresent, isDuplicateKey, READ_COMMITTED } from './mongodb.ts';

/**
 * One SKU, one document. Invariants, in every state that a reader can see: `available + reserved + sold = received`,
 * no count below zero, `reserved = Σ holds.quantity`.
 */
export interface StockDocument {
  _id: string;
  available: number;
  reserved: number;
  sold: number;
  received: number;
  /** The orders that hold units now. */
  holds: { orderId: string; quantity: number }[];
  /**
   * Tombstones and receipts: effects that an attempt which is still running must not repeat. Dropped once `until` is
   * past on the database's clock, so the document doesn't grow with the orders that it ever saw.
   */
  settled: { id: string; until: Date | null }[];
}

/** One order's vote and its decision: the participant's log, as in classical two-phase commit. */
export interface ReservationDocument {
  _id: string;
  transaction: string;
  customerId: string;
  lines: Line[];
  /** Prepare attempts that were ever let in, and those known to have ended: the others may still be running. */
  attempts: number;
  ended: number;
  /** True once every line is held: the durable vote yes. */
  prepared: boolean;
  decision: 'commit' | 'rollback' | null;
  /** When the last prepare attempt was let in, and when the decision came, on the database's clock. */
  openedAt?: Date;
  decidedAt?: Date;
  strategy?: Strategy;
  /** What the order service is still to be told, written with the vote that it tells of. */
  outbox?: Announcement[];
}

/** A delivery to the warehouse: makes restocking idempotent. */
export interface ReceiptDocument {
  _id: string;
  sku: string;
  quantity: number;
  state: 'open' | 'applied';
  changedAt?: Date;
}

export interface InventoryCollections {
  stock: Collection<StockDocument>;
  reservations: Collection<ReservationDocument>;
  receipts: Collection<ReceiptDocument>;
}

export interface InventoryLimits {
  readonly attemptLifetime: number;
  readonly tombstoneMargin: number;
}

const DEFAULT_LIMITS: InventoryLimits = {
  attemptLifetime: policies.prepare.attempt,
  tombstoneMargin: TOMBSTONE_MARGIN,
};

/** What the inventory does beside taking part in orders. */
export interface InventoryDesk {
  /** Adds what was delivered, once, however often it is called. @throws ConcordError `InvalidInput`, `StockLimit` */
  receive(receipt: Receipt): Promise<StockLevel>;
  /** The levels of these SKUs, or of all where the list is empty, sorted by SKU. @throws ConcordError `UnknownSku` */
  readStock(skus: readonly string[]): Promise<StockLevel[]>;
}

/**
 * The inventory's part in an order. Each write changes one document and carries its own precondition; the order's
 * reservation says how far it is, and every stock document says by itself whether it holds for the order.
 *
 * @param limits `attemptLifetime`: how long a prepare attempt may write; one that was given up but still runs can
 *   change nothing after it. `tombstoneMargin`: how much longer a tombstone lives. Both in milliseconds, measured on the
 *   database's clock alone.
 */
export function createInventory(
  { stock, reservations, receipts }: InventoryCollections,
  { attemptLifetime, tombstoneMargin }: InventoryLimits = DEFAULT_LIMITS,
): Participant & InventoryDesk {
  return {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      const { order } = request;
      const openedAt = await openReservation(request, order);
      const deadline = after(openedAt, attemptLifetime);
      try {
        for (const line of order.lines) await hold(order.orderId, line, openedAt, deadline);
      } catch (error) {
        // Only a refusal ends an attempt for certain: after any other error, its last write may still be on its way.
        if (error instanceof ConcordError) await recordRefusal(request, error);
        throw error;
      }
      await recordVote(request);
    },

    async commit(input) {
      const request = parseParticipantRequest(input);
      const { order } = request;
      const reservation = await decideCommit(request, order);
      for (const line of order.lines) await sell(reservation, line);
    },

    async rollback(input) {
      const request = parseRollbackRequest(input);
      const { order } = request;
      const reservation = await decideRollback(request, order);
      if (reservation !== null) await releaseAll(reservation);
    },

    async receive(input) {
      const receipt = parseReceipt(input);
      const openedAt = await openReceipt(receipt);
      if (openedAt !== null) {
        await prune(receipt.sku, openedAt);
        await addUnits(receipt, after(openedAt, attemptLifetime));
      }
      await closeReceipt(receipt);
      const [level] = await readLevels([receipt.sku]);
      if (level === undefined) throw new ConcordError('UnknownSku', { sku: receipt.sku });
      return level;
    },

    async readStock(input) {
      const skus = parseSkus(input);
      const levels = await readLevels(skus);
      const unknown = skus.find((sku) => !levels.some((level) => level.sku === sku));
      if (unknown !== undefined) throw new ConcordError('UnknownSku', { sku: unknown });
      return levels;
    },
  };

  // --- prepare -------------------------------------------------------------------------------------------------

  /** Lets an attempt in, unless the order is decided. Returns the database's time. */
  async function openReservation({ transaction, strategy }: ParticipantRequest, order: Order): Promise<Date> {
    try {
      const opened = await reservations.findOneAndUpdate(
        { ...contentOf(order), transaction, decision: null },
        {
          $setOnInsert: { prepared: false, ended: 0, ...(strategy === undefined ? {} : { strategy }) },
          $inc: { attempts: 1 },
          $currentDate: { openedAt: true },
        },
        { upsert: true, returnDocument: 'after' },
      );
      if (opened?.openedAt === undefined) throw attemptExpired(order.orderId);
      return opened.openedAt;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      throw await explainNoEntry(transaction, order);
    }
  }

  async function explainNoEntry(transaction: string, order: Order): Promise<ConcordError> {
    const { orderId } = order;
    const found = await reservations.findOne({ _id: orderId }, READ_COMMITTED);
    if (found === null) return attemptExpired(orderId);
    if (!sameContent(order, { orderId, ...found })) return new ConcordError('OrderIdTaken', { orderId });
    const isOurs = found.transaction === transaction;
    // Undecided: another attempt has inserted it in this very moment, and the next one will find it.
    if (found.decision === null) {
      return isOurs ? attemptExpired(orderId) : new ConcordError('LeftUndecided', { orderId });
    }
    if (isOurs) return lateArrival(orderId, found.decision);
    return new ConcordError('AlreadyDecided', { orderId, status: settledAs[found.decision] });
  }

  async function hold(
    orderId: string,
    { sku, quantity }: Line,
    openedAt: Date,
    deadline: Date,
  ): Promise<void> {
    const { matchedCount } = await stock.updateOne(
      {
        _id: sku,
        available: { $gte: quantity },
        'holds.orderId': { $ne: orderId },
        'settled.id': { $ne: orderId },
        ...SOUND_LISTS,
        $expr: { $lt: ['$$NOW', deadline] },
      },
      {
        $inc: { available: -quantity, reserved: quantity },
        $push: { holds: { orderId, quantity } },
        // Pruning rides on a write that happens anyway.
        $pull: { settled: { until: { $ne: null, $lt: openedAt } } },
      },
    );
    if (matchedCount === 0) await explainNoHold(orderId, sku, quantity);
  }

  /** Returns where the units are held already; throws the reason where they can't be. */
  async function explainNoHold(orderId: string, sku: string, quantity: number): Promise<void> {
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found === null) throw new ConcordError('UnknownSku', { sku });
    refuseDamaged(found);
    if (found.holds.some((hold) => hold.orderId === orderId)) return;
    if (found.settled.some(({ id }) => id === orderId)) throw lateArrival(orderId, null);
    if (found.available < quantity) {
      throw new ConcordError('OutOfStock', { sku, requested: quantity, available: found.available });
    }
    throw attemptExpired(orderId);
  }

  /** The vote and its announcement are one write: neither can be there without the other. */
  async function recordVote(request: ParticipantRequest): Promise<void> {
    const { orderId } = request.order;
    const first = await reservations.updateOne(
      { _id: orderId, decision: null, prepared: false },
      {
        $set: { prepared: true },
        $inc: { ended: 1 },
        ...pushed(announcementOfInventory('prepare', request)),
      },
    );
    if (first.matchedCount === 1) return;
    const again = await reservations.updateOne({ _id: orderId, decision: null }, { $inc: { ended: 1 } });
    if (again.matchedCount === 1) return;
    throw lateArrival(orderId, await endAttempt(orderId));
  }

  /**
   * A coordinator hears of a refusal and rolls back. Where there is none, the no is final as it is said: the decision
   * and its announcement are one write.
   */
  async function recordRefusal(request: ParticipantRequest, refusal: ConcordError): Promise<void> {
    const { orderId } = request.order;
    const { code, message, details } = refusal;
    const status = 'rejected' as const;
    const announcement = announcementOfInventory('refuse', {
      ...request,
      status,
      reason: { code, message, details: { ...details } },
    });
    if (announcement !== undefined && !refusal.retryable) {
      const refused = await reservations.findOneAndUpdate(
        { _id: orderId, decision: null, prepared: false },
        {
          $set: { decision: 'rollback' },
          $currentDate: { decidedAt: true },
          $inc: { ended: 1 },
          ...pushed(announcement),
        },
        { returnDocument: 'after' },
      );
      if (refused !== null) return releaseAll(refused);
    }
    await endAttempt(orderId);
  }

  /** Every way out of a prepare attempt but a yes: from here on this attempt holds nothing any more. */
  async function endAttempt(orderId: string): Promise<ReservationDocument['decision']> {
    const ended = await reservations.findOneAndUpdate(
      { _id: orderId },
      { $inc: { ended: 1 } },
      { returnDocument: 'after' },
    );
    // A rollback can leave no tombstone for a SKU that isn't known yet, so what was held of it goes back here.
    if (ended?.decision === 'rollback') await releaseAll(ended);
    return ended?.decision ?? null;
  }

  // --- commit and rollback -------------------------------------------------------------------------------------

  /** Makes the decision durable before anything is sold. */
  async function decideCommit(request: ParticipantRequest, order: Order): Promise<ReservationDocument> {
    const decided = await reservations.findOneAndUpdate(
      { ...undecidedOf(request, order), prepared: true },
      { $set: { decision: 'commit', transaction: request.transaction }, $currentDate: { decidedAt: true } },
      { returnDocument: 'after' },
    );
    if (decided !== null) return decided;
    const { orderId } = order;
    const found = await reservations.findOne(contentOf(order), READ_COMMITTED);
    if (found?.decision === 'commit') return found;
    if (found !== null && found.decision === null && found.transaction !== request.transaction) {
      throw new ConcordError('LeftUndecided', { orderId });
    }
    throw violation(orderId, 'commit', found?.decision === 'rollback' ? 'rolled back' : 'not prepared');
  }

  /** Makes the decision durable before anything is released; null where there is nothing of this transaction's. */
  async function decideRollback(
    request: ParticipantRequest,
    order: Order,
  ): Promise<ReservationDocument | null> {
    const { transaction, takesOver = false } = request;
    const decided = await reservations.findOneAndUpdate(
      undecidedOf(request, order),
      { $set: { decision: 'rollback', transaction }, $currentDate: { decidedAt: true } },
      { returnDocument: 'after' },
    );
    if (decided !== null) return decided;
    // An empty rollback: no prepare was ever let in, and this keeps a late one out.
    const none = { transaction, attempts: 0, ended: 0, prepared: false, decision: 'rollback' as const };
    if (await insertUnlessPresent(reservations, { ...contentOf(order), ...none })) return null;
    const { orderId } = order;
    const found = await reservations.findOne({ _id: orderId }, READ_COMMITTED);
    if (found === null) throw attemptExpired(orderId);
    if (!sameContent(order, { orderId, ...found })) return null;
    if (found.decision === 'rollback') return found;
    if (found.transaction !== transaction && !takesOver) return null;
    if (found.decision === null) throw attemptExpired(orderId); // a prepare came in between: decide again
    throw violation(orderId, 'rollback', 'committed');
  }

  async function sell(reservation: ReservationDocument, line: Line): Promise<void> {
    if (mayStillRun(reservation)) await leaveTombstone(reservation, line);
    // No match means that an earlier attempt has sold it: every line was held when the vote was recorded.
    await settleHold(reservation, line, { reserved: -line.quantity, sold: line.quantity });
  }

  async function releaseAll(reservation: ReservationDocument): Promise<void> {
    for (const line of reservation.lines) {
      const { quantity } = line;
      // First the tombstone: after it nothing can be held any more, and what was held before it is found.
      if (mayStillRun(reservation)) await leaveTombstone(reservation, line);
      await settleHold(reservation, line, { reserved: -quantity, available: quantity });
    }
  }

  async function settleHold(
    { _id: orderId }: ReservationDocument,
    { sku, quantity }: Line,
    change: Partial<Record<'available' | 'reserved' | 'sold', number>>,
  ): Promise<void> {
    const { matchedCount } = await stock.updateOne(
      { _id: sku, holds: { $elemMatch: { orderId, quantity } } },
      { $inc: change, $pull: { holds: { orderId } } },
    );
    if (matchedCount === 0) await refuseLostHold(sku);
  }

  /** A hold that isn't there was settled before, or was never made; but a damaged document can't say so. */
  async function refuseLostHold(sku: string): Promise<void> {
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found !== null) refuseDamaged(found);
  }

  async function leaveTombstone(reservation: ReservationDocument, { sku }: Line): Promise<void> {
    // Nobody may ever hold a sold-out SKU again, so this is the other write that prunes.
    if (reservation.decidedAt !== undefined) await prune(sku, reservation.decidedAt);
    await stock.updateOne(
      { _id: sku, 'settled.id': { $ne: reservation._id } },
      { $push: { settled: tombstone(reservation) } },
    );
  }

  async function prune(sku: string, now: Date): Promise<void> {
    const past = { $ne: null, $lt: now };
    await stock.updateOne({ _id: sku, 'settled.until': past }, { $pull: { settled: { until: past } } });
  }

  /** Lives longer than any attempt that was let in before the decision. */
  function tombstone({ _id, decidedAt }: ReservationDocument): { id: string; until: Date | null } {
    const until = decidedAt === undefined ? null : after(decidedAt, attemptLifetime + tombstoneMargin);
    return { id: _id, until };
  }

  // --- the desk ------------------------------------------------------------------------------------------------

  /** Lets a delivery in, and returns the database's time; null where it was applied before. */
  async function openReceipt({ receiptId, sku, quantity }: Receipt): Promise<Date | null> {
    try {
      const opened = await receipts.findOneAndUpdate(
        { _id: receiptId, sku, quantity, state: 'open' },
        { $currentDate: { changedAt: true } },
        { upsert: true, returnDocument: 'after' },
      );
      if (opened?.changedAt === undefined) throw attemptExpired(receiptId);
      return opened.changedAt;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const found = await receipts.findOne({ _id: receiptId }, READ_COMMITTED);
      if (found === null) throw attemptExpired(receiptId);
      if (found.sku !== sku || found.quantity !== quantity) throw receiptIdTaken();
      if (found.state === 'open') throw attemptExpired(receiptId);
      return null;
    }
  }

  async function addUnits({ receiptId, sku, quantity }: Receipt, deadline: Date): Promise<void> {
    const marker = { id: receiptMarker(receiptId), until: null };
    const add = () =>
      stock.updateOne(
        {
          _id: sku,
          received: { $lte: STOCK_LIMIT - quantity },
          'settled.id': { $ne: marker.id },
          $expr: { $lt: ['$$NOW', deadline] },
        },
        { $inc: { available: quantity, received: quantity }, $push: { settled: marker } },
      );
    if ((await add()).matchedCount === 1) return;
    if (await insertUnlessPresent(stock, emptyStock(sku))) {
      if ((await add()).matchedCount === 1) return;
    }
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found?.settled.some(({ id }) => id === marker.id)) return;
    if (found !== null && found.received > STOCK_LIMIT - quantity) {
      throw new ConcordError('StockLimit', { sku, limit: STOCK_LIMIT });
    }
    throw attemptExpired(receiptId);
  }

  /** From here on the receipt itself remembers; the marker in the stock document need only outlive running attempts. */
  async function closeReceipt({ receiptId, sku }: Receipt): Promise<void> {
    await receipts.updateOne(
      { _id: receiptId, state: 'open' },
      { $set: { state: 'applied' }, $currentDate: { changedAt: true } },
    );
    const found = await receipts.findOne({ _id: receiptId, state: 'applied' }, READ_COMMITTED);
    if (found?.changedAt === undefined) throw attemptExpired(receiptId);
    await stock.updateOne(
      { _id: sku, 'settled.id': receiptMarker(receiptId) },
      { $set: { 'settled.$.until': after(found.changedAt, attemptLifetime + tombstoneMargin) } },
    );
  }

  async function readLevels(skus: readonly string[]): Promise<StockLevel[]> {
    const filter = skus.length === 0 ? {} : { _id: { $in: [...skus] } };
    const fields = { available: 1, reserved: 1, sold: 1, received: 1 } as const;
    const found = await stock
      .find(filter, { ...READ_COMMITTED, projection: fields })
      .sort({ _id: 1 })
      .toArray();
    return found.map(({ _id: sku, available, reserved, sold, received }) => ({
      sku,
      available,
      reserved,
      sold,
      received,
    }));
  }
}

/** The part of an update that puts it into the outbox; none where there is nothing to tell. */
function pushed(announcement: Announcement | undefined): { $push?: { outbox: Announcement } } {
  return announcement === undefined ? {} : { $push: { outbox: announcement } };
}

// A list that somebody has overwritten must not pass for an empty one.
const SOUND_LISTS = { holds: { $type: 'array' }, settled: { $type: 'array' } } as const;

/** What no write of ours leaves behind, and no count may be built upon. */
function refuseDamaged(document: StockDocument): void {
  const { _id: sku, available, reserved, sold, received, holds, settled } = document;
  const counts = Object.entries({ available, reserved, sold, received });
  const lists = Object.entries({ holds, settled });
  const [count] = counts.find(([, value]) => typeof value !== 'number') ?? [];
  if (count !== undefined) throw new ConcordError('DamagedStock', { sku, problem: `${count} is no number` });
  const [list] = lists.find(([, value]) => !Array.isArray(value)) ?? [];
  if (list !== undefined) throw new ConcordError('DamagedStock', { sku, problem: `${list} is no list` });
}

/** True where a prepare attempt was let in that is not known to have ended. */
function mayStillRun({ attempts, ended }: ReservationDocument): boolean {
  return attempts > ended;
}

/** Finds an order's reservation where this request may decide it: undecided, and of its own transaction. */
function undecidedOf({ transaction, takesOver = false }: ParticipantRequest, order: Order) {
  return { ...contentOf(order), decision: null, ...(takesOver ? {} : { transaction }) };
}

const settledAs = { commit: 'confirmed', rollback: 'rolled back' } as const;

/** The order as a reservation stores it; in a filter, it finds the reservation of just this content. */
function contentOf({ orderId, customerId, lines }: Order): {
  _id: string;
  customerId: string;
  lines: Line[];
} {
  return { _id: orderId, customerId, lines: [...lines] };
}

function emptyStock(sku: string): StockDocument {
  return { _id: sku, available: 0, reserved: 0, sold: 0, received: 0, holds: [], settled: [] };
}

// A slash is in no identifier, so a receipt is never taken for an order.
function receiptMarker(receiptId: string): string {
  return `receipt/${receiptId}`;
}

function receiptIdTaken(): ConcordError {
  return new ConcordError('InvalidInput', {
    problems: [{ field: 'receiptId', fix: 'this id is taken by another delivery; use a new one' }],
  });
}

function after(start: Date, milliseconds: number): Date {
  return new Date(start.getTime() + milliseconds);
}

function lateArrival(orderId: string, decision: ReservationDocument['decision']): ConcordError {
  const status = decision === null ? {} : { status: settledAs[decision] };
  return new ConcordError('LateArrival', { participant: 'inventory', orderId, ...status });
}

function attemptExpired(orderId: string): ConcordError {
  return new ConcordError('AttemptExpired', { participant: 'inventory', orderId });
}

function violation(orderId: string, asked: string, found: string): ConcordError {
  return new ConcordError('ProtocolViolation', { participant: 'inventory', orderId, asked, found });
}
