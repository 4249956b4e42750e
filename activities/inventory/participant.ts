import pMap from 'p-map';
import { type Announcement, announcementOfInventory } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Line, Order } from '../../domain/order.ts';
import { sameContent } from '../../domain/order.ts';
import {
  type Participant,
  type ParticipantRequest,
  parseParticipantRequest,
  parseRollbackRequest,
} from '../../domain/participant.ts';
import { insertUnlessPresent, isDuplicateKey, READ_COMMITTED } from '../mongodb/client.ts';
import {
  after,
  attemptExpired,
  DEFAULT_INVENTORY_LIMITS,
  type InventoryCollections,
  type InventoryLimits,
  prune,
  type ReservationDocument,
  type StockDocument,
} from './documents.ts';

/**
 * The inventory's part in an order. Each write changes one document and carries its own precondition; the order's
 * reservation says how far it is, and every stock document says by itself whether it holds for the order.
 */
export function createInventory(
  { stock, reservations }: Pick<InventoryCollections, 'stock' | 'reservations'>,
  { attemptLifetime, tombstoneMargin }: InventoryLimits = DEFAULT_INVENTORY_LIMITS,
): Participant {
  return {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      const { order } = request;
      const openedAt = await openReservation(request, order);
      const deadline = after(openedAt, attemptLifetime);
      try {
        // In the order of their SKUs: at once, two orders for the last units of two SKUs could refuse each other.
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
      await eachLine(order.lines, (line) => sell(reservation, line));
    },

    async rollback(input) {
      const request = parseRollbackRequest(input);
      const { order } = request;
      const reservation = await decideRollback(request, order);
      if (reservation !== null) await releaseAll(reservation);
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
      decisionOf('commit', request.transaction),
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
      decisionOf('rollback', transaction),
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
    await eachLine(reservation.lines, (line) => release(reservation, line));
  }

  async function release(reservation: ReservationDocument, line: Line): Promise<void> {
    const { quantity } = line;
    // First the tombstone: after it nothing can be held any more, and what was held before it is found.
    if (mayStillRun(reservation)) await leaveTombstone(reservation, line);
    await settleHold(reservation, line, { reserved: -quantity, available: quantity });
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
    if (reservation.decidedAt !== undefined) await prune(stock, sku, reservation.decidedAt);
    await stock.updateOne(
      { _id: sku, 'settled.id': { $ne: reservation._id } },
      { $push: { settled: tombstone(reservation) } },
    );
  }

  /** Lives longer than any attempt that was let in before the decision. */
  function tombstone({ _id, decidedAt }: ReservationDocument): { id: string; until: Date | null } {
    const until = decidedAt === undefined ? null : after(decidedAt, attemptLifetime + tombstoneMargin);
    return { id: _id, until };
  }
}

/** Settles some lines at a time. Where one fails, the others are settled all the same, and then its failure is thrown. */
async function eachLine(lines: readonly Line[], settle: (line: Line) => Promise<void>): Promise<void> {
  const [failure] = await pMap(lines, (line) => settle(line).then(succeeded, failed), {
    concurrency: LINES_AT_ONCE,
  }).then((results) => results.flat());
  if (failure !== undefined) throw failure.error;
}

const succeeded = () => [];
const failed = (error: unknown) => [{ error }];

// An order has few, and each takes a connection of a pool that has about one for each activity.
const LINES_AT_ONCE = 4;

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

/** Whoever decides needs the vote no more, so what told of it goes with the same write. */
function decisionOf(decision: 'commit' | 'rollback', transaction: string) {
  return {
    $set: { decision, transaction },
    $unset: { outbox: '' },
    $currentDate: { decidedAt: true },
  } as const;
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

function lateArrival(orderId: string, decision: ReservationDocument['decision']): ConcordError {
  const status = decision === null ? {} : { status: settledAs[decision] };
  return new ConcordError('LateArrival', { participant: 'inventory', orderId, ...status });
}

function violation(orderId: string, asked: string, found: string): ConcordError {
  return new ConcordError('ProtocolViolation', { participant: 'inventory', orderId, asked, found });
}
