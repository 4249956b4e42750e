import type { Collection } from 'mongodb';
import { type Announcement, announcementOfInventory } from '../../domain/announcements.ts';
import type { ConcordError } from '../../domain/errors.ts';
import { type Line, reasonBy } from '../../domain/order.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import { HOLD_WRITE_LIMIT, policies, TOMBSTONE_MARGIN } from '../../domain/policies.ts';
import type { Strategy } from '../../domain/strategies.ts';

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
  /** The orders that hold units now, each once; with the prepare attempt that has made the hold, counted from 1. */
  holds: { orderId: string; quantity: number; attempt: number }[];
  /**
   * Tombstones of orders an attempt of which may still be running. They go once `until` is past on the database's clock, so
   * that the document doesn't grow with all orders; where nobody knows when an order was decided, it is null, and they stay.
   */
  settled: { id: string; until: Date | null }[];
  /** Receipts whose units are about to be added, each by one attempt. Absent if there was never one. */
  arriving?: { receiptId: string; attempt: number }[];
}

/** One order's vote and its decision: the participant's log, as in classical two-phase commit. */
export interface ReservationDocument {
  _id: string;
  coordinatorId: string;
  customerId: string;
  lines: Line[];
  /** Prepare attempts that were ever let in, and those known to have ended: the others may still be running. */
  attempts: number;
  ended: number;
  /** True once every line is held: the durable vote yes. */
  prepared: boolean;
  /** Recorded with the vote: for each line, the attempt whose hold it counts on. Only that hold may be sold. */
  heldBy?: number[];
  decision: 'commit' | 'rollback' | null;
  /** True from the inventory's own no until it is told of the order's end. */
  refused?: true;
  /** When the last prepare attempt was let in, and when the decision came, on the database's clock. */
  openedAt?: Date;
  decidedAt?: Date;
  strategy: Strategy;
  /** What others are still to be told, written with the vote or the decision that it tells of. */
  outbox?: Announcement[];
}

/** Units that arrived at the warehouse: makes restocking idempotent. */
export interface ReceiptDocument {
  _id: string;
  sku: string;
  quantity: number;
  state: 'open' | 'applied';
  /** How many attempts were let in. */
  attempts: number;
  /** The attempt whose entry in the stock document adds the units; it is chosen once. */
  addedBy?: number;
  changedAt?: Date;
}

export interface InventoryCollections {
  stock: Collection<StockDocument>;
  reservations: Collection<ReservationDocument>;
  receipts: Collection<ReceiptDocument>;
}

/** Times are milliseconds, measured on the database's clock alone. docs/concepts.md shows how they fit together. */
export const DEFAULT_INVENTORY_LIMITS = {
  /** How long after it was let in an attempt may begin to hold. */
  attemptLifetime: policies.prepare.attempt as number,
  /** How long the database may take to carry out a hold that it has begun. */
  writeLimit: HOLD_WRITE_LIMIT,
  /** How much longer than both a tombstone lives. */
  tombstoneMargin: TOMBSTONE_MARGIN,
  /** How many orders may hold one SKU at once: with the longest ids, 8 MB, and their tombstones 7; a document takes 16 MiB. */
  maximumHolds: 50_000,
};

export type InventoryLimits = Readonly<typeof DEFAULT_INVENTORY_LIMITS>;

/** How long after the decision a tombstone stays: longer than any write of an attempt that was let in before. */
export function tombstoneLifetime({ attemptLifetime, writeLimit, tombstoneMargin }: InventoryLimits): number {
  return attemptLifetime + writeLimit + tombstoneMargin;
}

/** Drops the tombstones of an SKU whose time is past. It rides on writes that happen anyway. */
export async function prune(stock: Collection<StockDocument>, sku: string, now: Date): Promise<void> {
  await stock.updateOne({ _id: sku, settled: { $elemMatch: past(now) } }, { $pull: { settled: past(now) } });
}

/** Matches a tombstone whose time is past. One without an end never matches, because null is no date. */
export function past(now: Date) {
  return { until: { $lt: now } };
}

/** The announcement that the inventory refuses an order; undefined in a strategy that has none. */
export function rejectionOf(request: ParticipantRequest, refusal: ConcordError) {
  return announcementOfInventory('refuse', { ...request, status: 'rejected', reason: reasonBy(refusal) });
}
