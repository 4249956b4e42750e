import type { Document, Filter } from 'mongodb';
import pMap from 'p-map';
import { identifier, type Line, sameContent } from '../../domain/order.ts';
import { parsePlaceOrderInput } from '../../domain/place-order.ts';
import { QUESTION_LIMIT, SWEEP_TIME } from '../../domain/policies.ts';
import { type Orphan, parseHoldLimit } from '../../domain/resolution.ts';
import { problemOf, type Skipped } from '../../domain/sweeps.ts';
import { within } from '../../platform/time-limit.ts';
import type { ServiceDependencies } from '../dependencies.ts';
import { failureOf } from '../exchange/batch.ts';
import { READ_COMMITTED } from '../mongodb/client.ts';
import type { InventoryCollections, ReservationDocument } from './documents.ts';
import { DEFAULT_INVENTORY_LIMITS, tombstoneLifetime } from './documents.ts';
import type { Inventory } from './participant.ts';

export interface ReaperDependencies
  extends Pick<InventoryCollections, 'stock' | 'reservations'>,
    Pick<Inventory, 'settleDecided'>,
    Pick<ServiceDependencies, 'coordinators' | 'observeHolds'>,
    Partial<Pick<ServiceDependencies, 'report'>> {
  /** How long one order may be asked about, and how long all of them, in milliseconds. */
  readonly limits?: { readonly question: number; readonly all: number };
}

/** Looks for holds that are left over. What is wrong with one order or document holds up none of the others. */
export function createReaper(dependencies: ReaperDependencies) {
  const { stock, reservations, coordinators, settleDecided, observeHolds, report } = dependencies;
  const { limits = { question: QUESTION_LIMIT, all: SWEEP_TIME } } = dependencies;
  return {
    /** Finds orders with holds older than so many milliseconds and no workflow, and what can't be judged; at most 100 each. */
    async findOrphans(input: number): Promise<(Orphan | Skipped)[]> {
      const holdLimit = parseHoldLimit(input);
      const timeIsUp = Date.now() + limits.all;
      const skipped: Skipped[] = [];
      const skip = (orderId: string, problem: string) => {
        skipped.push({ orderId, problem });
        report?.({ orderId, problem });
      };
      const held = await readHolds(skip);
      const openings = await readOpenings([...held.keys()], skip);
      await settleLateHolds([...openings.keys()], skip);
      const byAge = [...openings].sort(([, one], [, other]) => one.getTime() - other.getTime());
      const oldestFirst = byAge.map(([orderId]) => orderId);
      const orphans: Orphan[] = [];
      for (const batch of batchesOf(oldestFirst, BATCH)) {
        const old = await readOld(batch, holdLimit);
        const judge = (reservation: ReservationDocument) => judged(reservation, held, timeIsUp, skip);
        const found = await pMap(old, judge, { concurrency: QUESTIONS_AT_ONCE });
        orphans.push(...found.filter((orphan) => orphan !== undefined));
        // All further ones are younger.
        if (old.length === 0 || orphans.length >= MAXIMUM_FOUND) break;
      }
      observeHolds?.([...openings.values()], holdLimit);
      return [...orphans.slice(0, MAXIMUM_FOUND), ...skipped.slice(0, MAXIMUM_FOUND)];
    },
  };

  async function readHolds(skip: Skip): Promise<Holds> {
    const found = stock.find(
      { $or: [{ 'holds.0': { $exists: true } }, { holds: { $not: { $type: 'array' } } }] },
      { ...READ_COMMITTED, projection: { holds: 1 } },
    );
    const held = new Map<string, Line[]>();
    for await (const { _id: sku, holds } of found) {
      if (!Array.isArray(holds)) {
        skip(`stock/${sku}`, 'holds is no list');
        continue;
      }
      const nameless: unknown[] = [];
      for (const hold of holds) {
        const orderId = identifier().safeParse(hold?.orderId).data;
        if (orderId === undefined) nameless.push(hold);
        else held.set(orderId, [...(held.get(orderId) ?? []), { sku, quantity: hold.quantity }]);
      }
      if (nameless.length > 0)
        skip(`stock/${sku}`, `${nameless.length} holds name no order: ${shown(nameless[0])}`);
    }
    return held;
  }

  /** Finds reservations of these orders, however many there are. */
  async function* findAmong(orderIds: string[], filter: Filter<ReservationDocument>, projection: Document) {
    for (const batch of batchesOf(orderIds, IDS_AT_ONCE))
      yield* reservations.find({ _id: { $in: batch }, ...filter }, { ...READ_COMMITTED, projection });
  }

  /** Reads when each of these orders has opened its holds, if that is on record. */
  async function readOpenings(orderIds: string[], skip: Skip): Promise<Map<string, Date>> {
    const openings = new Map<string, Date>();
    const unknown = new Set(orderIds);
    for await (const { _id, openedAt } of findAmong(orderIds, {}, { openedAt: 1 })) {
      unknown.delete(_id);
      if (isPastDate(openedAt)) openings.set(_id, openedAt);
      else skip(_id, `${DAMAGED}: openedAt is no time in the past`);
    }
    for (const orderId of unknown) skip(orderId, 'it holds stock, and has no reservation');
    return openings;
  }

  /** Reads those of these orders that are older than `holdLimit` on the database's clock, the oldest first. */
  function readOld(orderIds: string[], holdLimit: number): Promise<ReservationDocument[]> {
    const isOld = { $lt: ['$openedAt', { $subtract: ['$$NOW', holdLimit] }] };
    const old = reservations.find({ _id: { $in: orderIds }, $expr: isOld }, READ_COMMITTED);
    return old.sort({ openedAt: 1 }).toArray();
  }

  /** A hold that is left so long after the decision came late, or the workers that were to settle it have died. */
  async function settleLateHolds(orderIds: string[], skip: Skip): Promise<void> {
    const $expr = { $lt: ['$decidedAt', { $subtract: ['$$NOW', TOMBSTONE_LIFETIME] }] };
    const found = findAmong(orderIds, { decision: { $in: ['commit', 'rollback'] }, $expr }, { _id: 1 });
    const decided: string[] = [];
    for await (const { _id } of found) {
      decided.push(_id);
      if (decided.length === MAXIMUM_FOUND) break;
    }
    for (const orderId of decided) {
      const failure = await failureOf(() => within(limits.question, () => settleDecided(orderId)));
      if (failure !== undefined) skip(orderId, problemOf(failure));
    }
  }

  /** Returns undefined if it is no orphan, or if that can't be told. */
  async function judged(reservation: ReservationDocument, held: Holds, timeIsUp: number, skip: Skip) {
    const { _id: orderId } = reservation;
    try {
      const placed = placedIn(reservation, held.get(orderId) ?? []);
      const limit = Math.min(limits.question, timeIsUp - Date.now());
      if (limit <= 0) throw new Error('the sweep had no time left for it');
      return await within(limit, () => orphanOf(placed));
    } catch (error) {
      skip(orderId, problemOf(error));
      return undefined;
    }
  }

  /** Returns undefined if the order lives, whatever its age, or is being settled already. */
  async function orphanOf({ order, strategy }: Placed): Promise<Orphan | undefined> {
    const { orderId } = order;
    const { state } = await coordinators.findCoordinator(orderId);
    if (state === 'running' || (await coordinators.isBeingResolved(orderId))) return undefined;
    // It may have settled by itself between the two questions.
    const skus = order.lines.map(({ sku }) => sku);
    const hold = await stock.findOne({ _id: { $in: skus }, 'holds.orderId': orderId }, READ_COMMITTED);
    return hold === null ? undefined : { order, strategy, coordinator: state };
  }
}

type Skip = (orderId: string, problem: string) => void;
/** Lines by order id; their quantities are whatever the documents say. */
type Holds = ReadonlyMap<string, readonly Line[]>;
type Placed = Pick<Orphan, 'order' | 'strategy'>;

/** @throws Error if settling it could not succeed, so that it would be begun again and again. */
function placedIn(reservation: ReservationDocument, held: readonly Line[]): Placed {
  const { _id: orderId, customerId, lines, strategy } = reservation;
  const order = { orderId, customerId, lines };
  const placed = soundOrder({ order, strategy });
  if (!sameContent(placed.order, order))
    throw new Error(`${DAMAGED}: its lines are not one for each SKU, sorted`);
  for (const hold of held) {
    const isOfLine = lines.some(({ sku, quantity }) => sku === hold.sku && quantity === hold.quantity);
    const isOnlyOne = held.filter(({ sku }) => sku === hold.sku).length === 1;
    if (!isOfLine || !isOnlyOne)
      throw new Error(`what it holds of ${hold.sku} (${shown(hold.quantity)}) is not what it has ordered`);
  }
  return placed;
}

function soundOrder(input: unknown): Placed {
  try {
    return parsePlaceOrderInput(input);
  } catch (error) {
    throw new Error(`${DAMAGED}: ${problemOf(error)}`);
  }
}

const DAMAGED = 'its reservation is damaged';

function isPastDate(value: unknown): value is Date {
  return value instanceof Date && value.getTime() < Date.now() + CLOCK_DIFFERENCE;
}

// More than the clocks of a worker and of a database ever differ by. Milliseconds.
const CLOCK_DIFFERENCE = 60 * 60_000;

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 100);

function* batchesOf<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let next = 0; next < items.length; next += size) yield items.slice(next, next + size);
}

const TOMBSTONE_LIFETIME = tombstoneLifetime(DEFAULT_INVENTORY_LIMITS);
const MAXIMUM_FOUND = 100;
const BATCH = 200;
// A command takes 16 MiB, and hot SKUs may be held by more orders than their ids fit in there.
const IDS_AT_ONCE = 10_000;
const QUESTIONS_AT_ONCE = 10;
