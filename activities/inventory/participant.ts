import pMap from 'p-map';
import { type Announcement, announcementOfInventory } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Line, Order } from '../../domain/order.ts';
import { parseOrder, sameContent } from '../../domain/order.ts';
import {
  type Participant,
  type ParticipantRequest,
  parseParticipantRequest,
  parseRollbackRequest,
} from '../../domain/participant.ts';
import type { Inspectable } from '../../domain/resolution.ts';
import { insertUnlessPresent, isDuplicateKey, READ_COMMITTED } from '../mongodb/client.ts';
import {
  after,
  DEFAULT_INVENTORY_LIMITS,
  type Hold,
  type InventoryCollections,
  type InventoryLimits,
  past,
  prune,
  type ReservationDocument,
  refusals,
  type StockDocument,
  type Tombstone,
  tombstoneLifetime,
} from './documents.ts';

const { lateArrival, alreadyDecided, leftUndecided, attemptExpired, violation, idTaken } = refusals;

/** Units that an attempt has put on hold although its order was settled already, and that were given back. */
export interface LateHold {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}

/** The inventory as a participant, and what keeps its stock tidy. */
export interface Inventory extends Participant, Inspectable {
  /**
   * Carries out what was decided on an order where it still holds units: for a hold that came late, and for a decision
   * whose attempts all died. An order that is not decided is left alone.
   */
  settleDecided(orderId: string): Promise<void>;
}

/**
 * The inventory's part in an order. Each write changes one document and carries its own precondition; the order's
 * reservation says how far it is, and every stock document says by itself whether it holds for the order.
 *
 * A hold names the attempt that made it, the vote names the hold of each line, and a sale sells just that hold. So an
 * order is sold once, however late another attempt's hold lands: such a hold is released.
 *
 * @param onLateHold Told of each hold that was released because it came after its order was settled.
 */
export function createInventory(
  { stock, reservations }: Pick<InventoryCollections, 'stock' | 'reservations'>,
  limits: InventoryLimits = DEFAULT_INVENTORY_LIMITS,
  onLateHold: (late: LateHold) => void = () => {},
): Inventory {
  return {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      const { order } = request;
      const attempt = await openReservation(request, order);
      const heldBy: number[] = [];
      try {
        // In the order of their SKUs: at once, two orders for the last units of two SKUs could refuse each other.
        for (const line of order.lines) heldBy.push(await hold(order.orderId, line, attempt));
      } catch (error) {
        // Only a refusal ends an attempt for certain: after any other error, its last write may still be on its way.
        if (error instanceof ConcordError) await recordRefusal(request, error);
        throw error;
      }
      await recordVote(request, heldBy);
    },

    async commit(input) {
      const request = parseParticipantRequest(input);
      await carryOut(await decideCommit(request, request.order));
    },

    async rollback(input) {
      const request = parseRollbackRequest(input);
      const reservation = await decideRollback(request, request.order);
      if (reservation !== null) await carryOut(reservation);
    },

    async inspect(input) {
      const order = parseOrder(input);
      const { orderId } = order;
      const found = await reservations.findOne({ _id: orderId }, READ_COMMITTED);
      // Another order of this id is none of ours.
      if (found === null || !sameContent(order, { orderId, ...found })) return 'unknown';
      if (found.decision !== null) return found.decision === 'commit' ? 'confirmed' : 'rolled-back';
      return found.prepared ? 'prepared' : 'preparing';
    },

    async settleDecided(orderId) {
      const found = await reservations.findOne({ _id: orderId }, READ_COMMITTED);
      if (found !== null) await carryOut(found);
    },
  };

  // --- prepare -------------------------------------------------------------------------------------------------

  /** Lets an attempt in, unless the order is decided. */
  async function openReservation(
    { coordinatorId, strategy }: ParticipantRequest,
    order: Order,
  ): Promise<Attempt> {
    try {
      const opened = await reservations.findOneAndUpdate(
        { ...contentOf(order), coordinatorId, decision: null },
        {
          $setOnInsert: { prepared: false, ended: 0, strategy },
          $inc: { attempts: 1 },
          $currentDate: { openedAt: true },
        },
        { upsert: true, returnDocument: 'after' },
      );
      if (opened?.openedAt === undefined) throw attemptExpired(order.orderId);
      return { number: opened.attempts, openedAt: opened.openedAt };
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      throw await explainNoEntry(coordinatorId, order);
    }
  }

  async function explainNoEntry(coordinatorId: string, order: Order): Promise<ConcordError> {
    const { orderId } = order;
    const found = await reservations.findOne({ _id: orderId }, READ_COMMITTED);
    if (found === null) return attemptExpired(orderId);
    if (!sameContent(order, { orderId, ...found })) return idTaken(orderId);
    const isOurs = found.coordinatorId === coordinatorId;
    // Undecided: another attempt has inserted it in this very moment, and the next one will find it.
    if (found.decision === null) {
      return isOurs ? attemptExpired(orderId) : leftUndecided(orderId);
    }
    if (isOurs) return lateArrival(orderId, recordedAs(found.decision));
    return alreadyDecided(orderId, recordedAs(found.decision));
  }

  /** Returns the attempt whose hold is there now: this one, or an earlier one. */
  async function hold(
    orderId: string,
    { sku, quantity }: Line,
    { number: attempt, openedAt }: Attempt,
  ): Promise<number> {
    const { matchedCount } = await stock.updateOne(
      {
        _id: sku,
        available: { $gte: quantity },
        'holds.orderId': { $ne: orderId },
        'settled.id': { $ne: orderId },
        ...SOUND_LISTS,
        $expr: { $lt: ['$$NOW', after(openedAt, limits.attemptLifetime)] },
      },
      {
        $inc: { available: -quantity, reserved: quantity },
        $push: { holds: { orderId, quantity, attempt } },
        // Pruning rides on a write that happens anyway.
        $pull: { settled: past(openedAt) },
      },
      // The database reads its clock when a command starts, so only with this limit is a deadline one for the write.
      { maxTimeMS: limits.writeLimit },
    );
    return matchedCount === 1 ? attempt : explainNoHold(orderId, sku, quantity);
  }

  /** Returns the attempt that holds the units already; throws the reason where they can't be held. */
  async function explainNoHold(orderId: string, sku: string, quantity: number): Promise<number> {
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found === null) throw new ConcordError('UnknownSku', { sku });
    refuseDamaged(found);
    const held = found.holds.find((hold) => hold.orderId === orderId);
    if (held !== undefined) return held.attempt;
    if (found.settled.some(({ id }) => id === orderId)) throw lateArrival(orderId);
    if (found.available < quantity) {
      throw new ConcordError('OutOfStock', { sku, requested: quantity, available: found.available });
    }
    throw attemptExpired(orderId);
  }

  /** The vote and its announcement are one write: neither can be there without the other. */
  async function recordVote(request: ParticipantRequest, heldBy: readonly number[]): Promise<void> {
    const { orderId } = request.order;
    const first = await reservations.updateOne(
      { _id: orderId, decision: null, prepared: false },
      {
        $set: { prepared: true, heldBy: [...heldBy] },
        $inc: { ended: 1 },
        ...pushed(announcementOfInventory('prepare', request)),
      },
    );
    if (first.matchedCount === 1) return;
    const again = await reservations.updateOne({ _id: orderId, decision: null }, { $inc: { ended: 1 } });
    if (again.matchedCount === 1) return;
    const decision = await endAttempt(orderId);
    throw lateArrival(orderId, decision === null ? undefined : recordedAs(decision));
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
      if (refused !== null) return carryOut(refused);
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
    // What this attempt held after the decision goes back: there may have been no tombstone in its way.
    if (ended !== null) await carryOut(ended);
    return ended?.decision ?? null;
  }

  // --- commit and rollback -------------------------------------------------------------------------------------

  /** Makes the decision durable before anything is sold. */
  async function decideCommit(request: ParticipantRequest, order: Order): Promise<ReservationDocument> {
    const decided = await reservations.findOneAndUpdate(
      { ...undecidedOf(request, order), prepared: true },
      decisionOf('commit', request.coordinatorId),
      { returnDocument: 'after' },
    );
    if (decided !== null) return decided;
    const { orderId } = order;
    const found = await reservations.findOne(contentOf(order), READ_COMMITTED);
    if (found?.decision === 'commit') return found;
    if (found !== null && found.decision === null && found.coordinatorId !== request.coordinatorId) {
      throw leftUndecided(orderId);
    }
    throw violation(orderId, 'commit', found?.decision === 'rollback' ? 'rolled back' : 'not prepared');
  }

  /** Makes the decision durable before anything is released; null where there is nothing of this coordinator's. */
  async function decideRollback(
    request: ParticipantRequest,
    order: Order,
  ): Promise<ReservationDocument | null> {
    const { coordinatorId, strategy, takesOver = false } = request;
    const decided = await reservations.findOneAndUpdate(
      undecidedOf(request, order),
      decisionOf('rollback', coordinatorId),
      { returnDocument: 'after' },
    );
    if (decided !== null) return decided;
    // An empty rollback: no prepare was ever let in, and this keeps a late one out.
    const none = { attempts: 0, ended: 0, prepared: false, decision: 'rollback' as const };
    if (await insertUnlessPresent(reservations, { ...contentOf(order), coordinatorId, strategy, ...none }))
      return null;
    const { orderId } = order;
    const found = await reservations.findOne({ _id: orderId }, READ_COMMITTED);
    if (found === null) throw attemptExpired(orderId);
    if (!sameContent(order, { orderId, ...found })) return null;
    if (found.decision === 'rollback') return found;
    if (found.coordinatorId !== coordinatorId && !takesOver) return null;
    if (found.decision === null) throw attemptExpired(orderId); // a prepare came in between: decide again
    throw violation(orderId, 'rollback', 'committed');
  }

  /** Sells or releases what the order still holds, as it was decided; nothing where it is not decided. */
  async function carryOut(reservation: ReservationDocument): Promise<void> {
    if (reservation.decision === null) return;
    const settle = reservation.decision === 'commit' ? sell : release;
    await eachLine(reservation.lines, (line, index) => settle(reservation, line, index));
  }

  async function sell(reservation: ReservationDocument, line: Line, index: number): Promise<void> {
    const { sku, quantity } = line;
    const attempt = reservation.heldBy?.[index];
    if (attempt === undefined) throw violation(reservation._id, 'commit', 'not prepared');
    const sale = { reserved: -quantity, sold: quantity };
    if (await settleHold(reservation, { ...line, attempt }, sale)) return;
    // The hold that was voted on is gone, so it was sold before. Another one came after that.
    const late = await findHold(reservation, sku);
    if (late !== undefined && late.attempt !== attempt) await releaseLate(reservation, { sku, ...late });
  }

  async function releaseLate(reservation: ReservationDocument, late: LateHold & Hold): Promise<void> {
    const { orderId, sku, quantity, attempt } = late;
    const change = { reserved: -quantity, available: quantity };
    const isReleased = await settleHold(reservation, { sku, quantity, attempt }, change);
    if (isReleased) onLateHold({ orderId, sku, quantity });
  }

  async function release(reservation: ReservationDocument, line: Line): Promise<void> {
    const { sku, quantity } = line;
    const isReleased = await settleHold(reservation, line, { reserved: -quantity, available: quantity });
    if (!isReleased) await findHold(reservation, sku);
  }

  /** Returns false where that hold isn't there. */
  async function settleHold(
    reservation: ReservationDocument,
    { sku, ...hold }: Line & { readonly attempt?: number },
    change: Partial<Record<'available' | 'reserved' | 'sold', number>>,
  ): Promise<boolean> {
    const orderId = reservation._id;
    // First the tombstone: after it nothing can be held any more, and what was held before it is found.
    if (mayStillRun(reservation)) await leaveTombstone(reservation, sku);
    const { matchedCount } = await stock.updateOne(
      { _id: sku, holds: { $elemMatch: { orderId, ...hold } } },
      { $inc: change, $pull: { holds: { orderId } } },
    );
    return matchedCount === 1;
  }

  /** A hold that isn't there was settled before, or was never made; but a damaged document can't say so. */
  async function findHold({ _id }: ReservationDocument, sku: string): Promise<Hold | undefined> {
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found === null) return undefined;
    refuseDamaged(found);
    return found.holds.find(({ orderId }) => orderId === _id);
  }

  async function leaveTombstone(reservation: ReservationDocument, sku: string): Promise<void> {
    // Nobody may ever hold a sold-out SKU again, so this is the other write that prunes.
    if (reservation.decidedAt !== undefined) await prune(stock, sku, reservation.decidedAt);
    await stock.updateOne(
      { _id: sku, 'settled.id': { $ne: reservation._id } },
      { $push: { settled: tombstone(reservation) } },
    );
  }

  function tombstone({ _id, decidedAt }: ReservationDocument): Tombstone {
    return { id: _id, until: decidedAt === undefined ? null : after(decidedAt, tombstoneLifetime(limits)) };
  }
}

/** A prepare attempt that was let in: the how many-eth of its order, and when, on the database's clock. */
interface Attempt {
  readonly number: number;
  readonly openedAt: Date;
}

/** Settles some lines at a time. Where one fails, the others are settled all the same, and then its failure is thrown. */
async function eachLine(
  lines: readonly Line[],
  settle: (line: Line, index: number) => Promise<void>,
): Promise<void> {
  const [failure] = await pMap(lines, (line, index) => settle(line, index).then(succeeded, failed), {
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

/** Finds an order's reservation where this request may decide it: undecided, and of its own coordinator. */
function undecidedOf({ coordinatorId, takesOver = false }: ParticipantRequest, order: Order) {
  return { ...contentOf(order), decision: null, ...(takesOver ? {} : { coordinatorId }) };
}

/** Whoever decides needs the vote no more, so what told of it goes with the same write. */
function decisionOf(decision: 'commit' | 'rollback', coordinatorId: string) {
  return {
    $set: { decision, coordinatorId },
    $unset: { outbox: '' },
    $currentDate: { decidedAt: true },
  } as const;
}

function recordedAs(decision: 'commit' | 'rollback'): { status: string } {
  return { status: decision === 'commit' ? 'confirmed' : 'rolled back' };
}

/** The order as a reservation stores it; in a filter, it finds the reservation of just this content. */
function contentOf({ orderId, customerId, lines }: Order): {
  _id: string;
  customerId: string;
  lines: Line[];
} {
  return { _id: orderId, customerId, lines: [...lines] };
}
