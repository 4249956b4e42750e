import type { Collection } from 'mongodb';
import pMap from 'p-map';
import { type Orphan, parseHoldLimit } from '../../domain/resolution.ts';
import { DEFAULT_STRATEGY } from '../../domain/strategies.ts';
import type { Coordinators } from '../coordinator.ts';
import { READ_COMMITTED } from '../mongodb/client.ts';
import type { ReservationDocument, StockDocument } from './documents.ts';

export interface Reaper {
  /** At most 100 orders whose holds are older than `holdLimit` milliseconds and whose workflow no longer runs. */
  findOrphans(holdLimit: number): Promise<Orphan[]>;
}

/** Told at each sweep when each order that holds stock has opened its holds; `holdLimit` in milliseconds. */
export type HoldObserver = (openedAt: readonly Date[], holdLimit: number) => void;

export interface ReaperDependencies {
  readonly stock: Collection<StockDocument>;
  readonly reservations: Collection<ReservationDocument>;
  readonly coordinators: Coordinators;
  /** Absent where nobody wants to know. */
  readonly observe?: HoldObserver | undefined;
}

/** Looks for holds that are left over; reads only. */
export function createReaper({ stock, reservations, coordinators, observe }: ReaperDependencies): Reaper {
  return {
    async findOrphans(holdLimit) {
      const orphans: Orphan[] = [];
      const holding = await holders();
      observe?.(await openingsOf(holding), parseHoldLimit(holdLimit));
      const old = await oldReservations(holding, parseHoldLimit(holdLimit));
      for (let next = 0; next < old.length && orphans.length < MAXIMUM_ORPHANS; next += BATCH) {
        const judged = await pMap(old.slice(next, next + BATCH), orphanOf, {
          concurrency: QUESTIONS_AT_ONCE,
        });
        orphans.push(...judged.filter((orphan) => orphan !== undefined));
      }
      return orphans.slice(0, MAXIMUM_ORPHANS);
    },
  };

  /** Every order that holds units now. */
  async function holders(): Promise<string[]> {
    const found = stock.find(
      { 'holds.0': { $exists: true } },
      { ...READ_COMMITTED, projection: { holds: 1 } },
    );
    const orderIds = new Set<string>();
    for await (const { holds } of found) {
      // One damaged document must not keep the others' stock.
      if (Array.isArray(holds)) for (const { orderId } of holds) orderIds.add(orderId);
    }
    return [...orderIds];
  }

  async function openingsOf(orderIds: string[]): Promise<Date[]> {
    const found = reservations.find({ _id: { $in: orderIds } }, { projection: { openedAt: 1 } });
    return (await found.toArray()).map(({ openedAt }) => openedAt).filter((at) => at instanceof Date);
  }

  async function oldReservations(orderIds: string[], holdLimit: number): Promise<ReservationDocument[]> {
    return reservations
      .find(
        { _id: { $in: orderIds }, $expr: { $lt: ['$openedAt', { $subtract: ['$$NOW', holdLimit] }] } },
        READ_COMMITTED,
      )
      .sort({ openedAt: 1 })
      .toArray();
  }

  /** Nothing where the order lives, whatever its age, or is being settled already. */
  async function orphanOf(reservation: ReservationDocument): Promise<Orphan | undefined> {
    const { _id: orderId, customerId, lines, strategy = DEFAULT_STRATEGY } = reservation;
    const { state } = await coordinators.findCoordinator(orderId);
    if (state === 'running' || (await coordinators.isBeingResolved(orderId))) return undefined;
    // It may have settled by itself between the two questions.
    if (!(await holds(reservation))) return undefined;
    return { order: { orderId, customerId, lines }, strategy, coordinator: state };
  }

  async function holds({ _id: orderId, lines }: ReservationDocument): Promise<boolean> {
    const skus = lines.map(({ sku }) => sku);
    return (await stock.findOne({ _id: { $in: skus }, 'holds.orderId': orderId }, READ_COMMITTED)) !== null;
  }
}

const MAXIMUM_ORPHANS = 100;
const BATCH = 200;
const QUESTIONS_AT_ONCE = 10;
