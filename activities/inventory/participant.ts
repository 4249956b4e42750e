import type { Filter, UpdateFilter } from 'mongodb';
import pMap from 'p-map';
import { type Announcement, announcementOfInventory } from '../../domain/announcements.ts';
import { defined } from '../../domain/defined.ts';
import { ConcordError } from '../../domain/errors.ts';
import { type Line, parseOrder, sameContent } from '../../domain/order.ts';
import type { Participant, ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { parseParticipantRequest, parseRollbackRequest, refusalsOf } from '../../domain/participant.ts';
import type { Inspectable } from '../../domain/resolution.ts';
import { STOCK_COUNTS } from '../../domain/stock.ts';
import type { LateHold } from '../dependencies.ts';
import { failureOf } from '../exchange/batch.ts';
import { pushed } from '../exchange/outbox.ts';
import { insertUnlessPresent, READ_COMMITTED, unlessTaken } from '../mongodb/client.ts';
import { contentOf, decidableBy } from '../mongodb/order-content.ts';
import type { InventoryCollections, ReservationDocument, StockDocument } from './documents.ts';
import { DEFAULT_INVENTORY_LIMITS, past, prune, rejectionOf, tombstoneLifetime } from './documents.ts';

const { lateArrival, alreadyDecided, leftUndecided, attemptExpired, violation, idTaken } =
  refusalsOf('inventory');

/** The inventory as a participant, and what keeps its stock tidy. */
export interface Inventory extends Participant, Inspectable {
  /** Carries out what was decided on an order that still holds units: a hold came late, or all attempts have died. */
  settleDecided(orderId: string): Promise<void>;
}

/**
 * The inventory's part in an order. Each write changes one document and carries its own precondition. The order's reservation
 * says how far it is, and every stock document says by itself whether it holds for the order.
 *
 * A hold names the attempt that made it, the vote names the hold of each line, and a sale sells just that hold. So an order
 * is sold once, however late another attempt's hold lands: such a hold is released.
 */
export function createInventory(
  { stock, reservations }: Pick<InventoryCollections, 'stock' | 'reservations'>,
  given: Partial<typeof DEFAULT_INVENTORY_LIMITS> = {},
  onLateHold: (late: LateHold) => void = () => {},
): Inventory {
  const limits = { ...DEFAULT_INVENTORY_LIMITS, ...given };
  return {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      const { orderId, lines } = request.order;
      const { attempts, openedAt } = await openReservation(request);
      const heldBy: number[] = [];
      try {
        // In the order of their SKUs: at once, two orders for the last units of two SKUs could refuse each other.
        for (const line of lines) heldBy.push(await hold(orderId, line, attempts, openedAt));
      } catch (error) {
        // Only a refusal ends an attempt for certain: after any other error, its last write may still be on its way.
        if (error instanceof ConcordError) await recordRefusal(request, error);
        throw error;
      }
      await recordVote(request, heldBy);
    },

    async commit(input) {
      await carryOut(await decideCommit(parseParticipantRequest(input)));
    },

    async rollback(input) {
      await carryOut(await decideRollback(parseRollbackRequest(input)));
    },

    async inspect(input) {
      const order = parseOrder(input);
      const { orderId } = order;
      const found = await find(orderId);
      // Another order of this id is none of ours.
      if (found === null || !sameContent(order, { orderId, ...found })) return 'unknown';
      if (found.decision !== null) return found.decision === 'commit' ? 'confirmed' : 'rolled-back';
      return found.prepared ? 'prepared' : 'preparing';
    },

    async settleDecided(orderId) {
      await carryOut(await find(orderId));
    },
  };

  function find(orderId: string): Promise<ReservationDocument | null> {
    return reservations.findOne({ _id: orderId }, READ_COMMITTED);
  }

  /** Changes one reservation, and returns it as it is then; null if the filter finds none. */
  function change(filter: Filter<ReservationDocument>, update: UpdateFilter<ReservationDocument>) {
    return reservations.findOneAndUpdate(filter, update, { returnDocument: 'after' });
  }

  /** Lets an attempt in, unless the order is decided. Returns its number within the order, and when, on the database's clock. */
  async function openReservation({ order, coordinatorId, strategy }: ParticipantRequest) {
    const { orderId } = order;
    const opened = await unlessTaken(() =>
      reservations.findOneAndUpdate(
        { ...contentOf(order), coordinatorId, decision: null },
        {
          $setOnInsert: { prepared: false, ended: 0, strategy },
          $inc: { attempts: 1 },
          $currentDate: { openedAt: true },
        },
        { upsert: true, returnDocument: 'after' },
      ),
    );
    if (opened?.openedAt !== undefined) return { attempts: opened.attempts, openedAt: opened.openedAt };
    const found = await find(orderId);
    if (found === null) throw attemptExpired(orderId);
    if (!sameContent(order, { orderId, ...found })) throw idTaken(orderId);
    const isOurs = found.coordinatorId === coordinatorId;
    // Undecided: another attempt has inserted it in this very moment, and the next one will find it.
    if (found.decision === null) throw isOurs ? attemptExpired(orderId) : leftUndecided(orderId);
    throw (isOurs ? lateArrival : alreadyDecided)(orderId, recordedAs(found.decision));
  }

  /** Returns the attempt whose hold is there now: this one, or an earlier one. */
  async function hold(orderId: string, { sku, quantity }: Line, attempt: number, openedAt: Date) {
    const { matchedCount } = await stock.updateOne(
      {
        _id: sku,
        available: { $gte: quantity },
        'holds.orderId': { $ne: orderId },
        'settled.id': { $ne: orderId },
        [`holds.${limits.maximumHolds - 1}`]: { $exists: false },
        ...SOUND_LISTS,
        $expr: { $lt: ['$$NOW', after(openedAt, limits.attemptLifetime)] },
      },
      {
        $inc: { available: -quantity, reserved: quantity },
        $push: { holds: { orderId, quantity, attempt } },
        $pull: { settled: past(openedAt) },
      },
      // The database reads its clock when a command starts, so only with this limit is a deadline one for the write.
      { maxTimeMS: limits.writeLimit },
    );
    return matchedCount === 1 ? attempt : explainNoHold(orderId, sku, quantity);
  }

  /** Returns the attempt that holds the units already; throws the reason if they can't be held. */
  async function explainNoHold(orderId: string, sku: string, quantity: number): Promise<number> {
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found === null) throw new ConcordError('UnknownSku', { sku });
    refuseDamaged(found);
    const { available } = found;
    const held = found.holds.find((hold) => hold.orderId === orderId);
    if (held !== undefined) return held.attempt;
    if (found.settled.some(({ id }) => id === orderId)) throw lateArrival(orderId);
    if (available < quantity) throw new ConcordError('OutOfStock', { sku, requested: quantity, available });
    const { maximumHolds: limit } = limits;
    if (found.holds.length >= limit) throw new ConcordError('TooManyHolds', { sku, limit });
    throw attemptExpired(orderId);
  }

  /** The vote and its announcement are one write: neither can be there without the other. */
  async function recordVote(request: ParticipantRequest, heldBy: readonly number[]): Promise<void> {
    const _id = request.order.orderId;
    const first = await reservations.updateOne(
      { _id, decision: null, prepared: false },
      {
        $set: { prepared: true, heldBy: [...heldBy] },
        $inc: { ended: 1 },
        ...pushed(announcementOfInventory('prepare', request)),
      },
    );
    if (first.matchedCount === 1) return;
    const again = await reservations.updateOne({ _id, decision: null }, { $inc: { ended: 1 } });
    if (again.matchedCount === 1) return;
    const decision = await endAttempt(_id);
    throw lateArrival(_id, decision === null ? undefined : recordedAs(decision));
  }

  /** Where no coordinator hears of it and rolls back, the no is final: the decision and its announcement are one write. */
  async function recordRefusal(request: ParticipantRequest, refusal: ConcordError): Promise<void> {
    const _id = request.order.orderId;
    const announcement = rejectionOf(request, refusal);
    if (announcement !== undefined && !refusal.retryable) {
      const refused = await change(
        { _id, decision: null, prepared: false },
        {
          $set: { decision: 'rollback', refused: true },
          $currentDate: { decidedAt: true },
          $inc: { ended: 1 },
          ...pushed(announcement),
        },
      );
      if (refused !== null) return carryOut(refused);
    }
    await endAttempt(_id);
  }

  /** Every way out of a prepare attempt but a yes: from here on this attempt holds nothing any more. */
  async function endAttempt(_id: string): Promise<ReservationDocument['decision']> {
    const ended = await change({ _id }, { $inc: { ended: 1 } });
    // Units that it held after the decision go back: there may have been no tombstone in its way.
    await carryOut(ended);
    return ended?.decision ?? null;
  }

  /** Makes the decision durable before anything is sold. */
  async function decideCommit(request: ParticipantRequest): Promise<ReservationDocument> {
    const { order, coordinatorId } = request;
    const { orderId } = order;
    const decided = await decide(request, 'commit', { prepared: true });
    if (decided !== null) return decided;
    const found = await reservations.findOne(contentOf(order), READ_COMMITTED);
    if (found?.decision === 'commit') return found;
    if (found?.decision === null && found.coordinatorId !== coordinatorId) throw leftUndecided(orderId);
    throw violation(orderId, 'commit', found?.decision === 'rollback' ? 'rolled back' : 'not prepared');
  }

  /** Makes the decision durable before anything is released; null if nothing is this coordinator's. */
  async function decideRollback(request: RollbackRequest): Promise<ReservationDocument | null> {
    const { order, coordinatorId, strategy, takesOver = false } = request;
    const { orderId } = order;
    const decided = await decide(request, 'rollback');
    if (decided !== null) return decided;
    // An empty rollback: no prepare was ever let in, and this keeps a late one out.
    const none = { attempts: 0, ended: 0, prepared: false, decision: 'rollback' as const };
    const released = eventOf('rollback', request);
    const outbox = released && [released];
    const empty = defined({ ...contentOf(order), coordinatorId, strategy, ...none, outbox });
    if (await insertUnlessPresent(reservations, empty)) return null;
    const found = await find(orderId);
    if (found === null) throw attemptExpired(orderId);
    if (!sameContent(order, { orderId, ...found })) return null;
    if (found.decision === 'rollback') {
      if (released === undefined) return found;
      // The refusal was told with the decision, and what follows from it is told now, once.
      const untold = { _id: orderId, refused: true as const };
      return (await change(untold, { $unset: { refused: '' }, ...pushed(released) })) ?? found;
    }
    if (found.coordinatorId !== coordinatorId && !takesOver) return null;
    if (found.decision === null) throw attemptExpired(orderId); // a prepare came in between: decide again
    throw violation(orderId, 'rollback', 'committed');
  }

  /** A message needs the vote no more, so what told of the vote goes with the same write; an event may have other readers. */
  function decide(request: ParticipantRequest, decision: 'commit' | 'rollback', precondition = {}) {
    const { order, coordinatorId } = request;
    const event = eventOf(decision, request);
    return change(
      { ...contentOf(order), ...decidableBy(request), decision: null, ...precondition },
      {
        $set: { decision, coordinatorId },
        $currentDate: { decidedAt: true },
        ...(event === undefined ? { $unset: { outbox: '' } } : pushed(event)),
      },
    );
  }

  /** Sells or releases what the order still holds, as it was decided. All lines are settled before a failure is thrown. */
  async function carryOut(reservation: ReservationDocument | null): Promise<void> {
    if (reservation === null || reservation.decision === null) return;
    const settle = reservation.decision === 'commit' ? sell : release;
    const settled = (line: Line, index: number) => failureOf(() => settle(reservation, line, index));
    const failures = await pMap(reservation.lines, settled, { concurrency: LINES_AT_ONCE });
    const failure = failures.find((found) => found !== undefined);
    if (failure !== undefined) throw failure;
  }

  async function sell(reservation: ReservationDocument, line: Line, index: number): Promise<void> {
    const attempt = reservation.heldBy?.[index];
    if (attempt === undefined) throw violation(reservation._id, 'commit', 'not prepared');
    const { sku } = line;
    if (await settleHold(reservation, { ...line, attempt }, 'sold')) return;
    // The hold that was voted on is gone, so it was sold before. Another one may have come after that.
    const late = await findHold(reservation, sku);
    if (late === undefined || late.attempt === attempt) return;
    const { orderId, quantity } = late;
    if (await settleHold(reservation, { sku, ...late }, 'available')) onLateHold({ orderId, sku, quantity });
  }

  async function release(reservation: ReservationDocument, line: Line): Promise<void> {
    if (!(await settleHold(reservation, line, 'available'))) await findHold(reservation, line.sku);
  }

  /** Moves the units of a hold to where they then count; returns false if that hold isn't there. */
  async function settleHold(
    reservation: ReservationDocument,
    { sku, quantity, attempt }: Line & { readonly attempt?: number },
    to: 'available' | 'sold',
  ): Promise<boolean> {
    const orderId = reservation._id;
    // First the tombstone: after it nothing can be held any more, and what was held before it is found. It is needed if a
    // prepare attempt was let in that is not known to have ended.
    if (reservation.attempts > reservation.ended) await leaveTombstone(reservation, sku);
    const { matchedCount } = await stock.updateOne(
      { _id: sku, holds: { $elemMatch: defined({ orderId, quantity, attempt }) } },
      { $inc: { reserved: -quantity, [to]: quantity }, $pull: { holds: { orderId } } },
    );
    return matchedCount === 1;
  }

  async function leaveTombstone({ _id: id, decidedAt }: ReservationDocument, sku: string): Promise<void> {
    // Nobody may ever hold a sold-out SKU again, so this is the other write that prunes.
    if (decidedAt !== undefined) await prune(stock, sku, decidedAt);
    const until = decidedAt === undefined ? null : after(decidedAt, tombstoneLifetime(limits));
    await stock.updateOne({ _id: sku, 'settled.id': { $ne: id } }, { $push: { settled: { id, until } } });
  }

  /** A hold that isn't there was settled before, or was never made; but a damaged document can't say so. */
  async function findHold({ _id }: ReservationDocument, sku: string) {
    const found = await stock.findOne({ _id: sku }, READ_COMMITTED);
    if (found === null) return undefined;
    refuseDamaged(found);
    return found.holds.find(({ orderId }) => orderId === _id);
  }
}

// An order has few, and each takes a connection of a pool that has about one for each activity.
const LINES_AT_ONCE = 4;

// A list that somebody has overwritten must not pass for an empty one.
const SOUND_LISTS = { holds: { $type: 'array' }, settled: { $type: 'array' } } as const;

/** Refuses a document that no write of ours leaves behind, and that no count may be built upon. */
function refuseDamaged(found: StockDocument): void {
  const count = STOCK_COUNTS.find((field) => typeof found[field] !== 'number');
  const list = LISTS.find((field) => !Array.isArray(found[field]));
  const problem = count === undefined ? list && `${list} is no list` : `${count} is no number`;
  if (problem !== undefined) throw new ConcordError('DamagedStock', { sku: found._id, problem });
}

const LISTS = ['holds', 'settled'] as const;

/** The event of a decision, which is written with it and goes out when it is carried out. */
function eventOf(decision: 'commit' | 'rollback', request: ParticipantRequest): Announcement | undefined {
  return request.strategy === 'event-driven' ? announcementOfInventory(decision, request) : undefined;
}

function recordedAs(decision: 'commit' | 'rollback'): { status: string } {
  return { status: decision === 'commit' ? 'confirmed' : 'rolled back' };
}

const after = (start: Date, milliseconds: number): Date => new Date(start.getTime() + milliseconds);
