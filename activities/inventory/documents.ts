import type { Collection } from 'mongodb';
import type { Announcement } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Line } from '../../domain/order.ts';
import { policies, TOMBSTONE_MARGIN } from '../../domain/policies.ts';
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

/**
 * `attemptLifetime`: how long an attempt may write; one that was given up but still runs can change nothing after it.
 * `tombstoneMargin`: how much longer a tombstone lives. Both in milliseconds, measured on the database's clock alone.
 */
export interface InventoryLimits {
  readonly attemptLifetime: number;
  readonly tombstoneMargin: number;
}

export const DEFAULT_INVENTORY_LIMITS: InventoryLimits = {
  attemptLifetime: policies.prepare.attempt,
  tombstoneMargin: TOMBSTONE_MARGIN,
};

/** Drops the tombstones of an SKU whose time is past. It rides on writes that happen anyway. */
export async function prune(stock: Collection<StockDocument>, sku: string, now: Date): Promise<void> {
  const past = { $ne: null, $lt: now };
  await stock.updateOne({ _id: sku, 'settled.until': past }, { $pull: { settled: { until: past } } });
}

export function after(start: Date, milliseconds: number): Date {
  return new Date(start.getTime() + milliseconds);
}

/** Nobody knows whether this attempt has done anything; the next one finds out. */
export function attemptExpired(orderId: string): ConcordError {
  return new ConcordError('AttemptExpired', { participant: 'inventory', orderId });
}
