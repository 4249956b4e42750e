import { z } from 'zod';
import type { ConcordError } from './errors.ts';
import { parse } from './validation.ts';

export const finalStatuses = ['confirmed', 'rejected', 'cancelled'] as const;
export const orderStatuses = ['pending', ...finalStatuses] as const;
export type FinalStatus = (typeof finalStatuses)[number];
export type OrderStatus = (typeof orderStatuses)[number];

/** One SKU and how many units of it. `quantity` is a positive safe integer. */
export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/** A customer's order. The order id is also the idempotency key: the same id is the same order. */
export interface Order {
  readonly orderId: string;
  readonly customerId: string;
  /** 1 to 100 lines, one per SKU, sorted by SKU. */
  readonly lines: readonly Line[];
}

/** Why an order was not confirmed. `code` is one of `domain/errors.ts`, or `Cancelled`. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Returns the reason of an order that ends by this failure. */
export function reasonBy({ code, message, details }: ConcordError): Reason {
  return { code, message, details: { ...details } };
}

/** The end of an order. */
export interface OrderOutcome {
  readonly orderId: string;
  readonly status: FinalStatus;
  readonly reason?: Reason;
  /** Set if an earlier workflow of the same order had decided it, so that this one only joined it. */
  readonly joined?: true;
}

const MAXIMUM_LINES = 100;
const IDENTIFIER_FIX =
  'use 1 to 100 ASCII letters, digits and . _ : @ + -, starting with a letter or a digit';
const LINE_FIX = 'give a line as { sku, quantity }';
const LINES_FIX = `give a list of 1 to ${MAXIMUM_LINES} lines`;
const QUANTITY_FIX = `use a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`;

const identifierSchema = z
  .string(IDENTIFIER_FIX)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/, IDENTIFIER_FIX);
const quantitySchema = z.int(QUANTITY_FIX).positive(QUANTITY_FIX);

// Functions return schemas: exports that workflows share are frozen (`preloaded.ts`), and zod's schemas have a state.

/** Plain ASCII: no look-alikes, no leading `$`, no path separators. It is never a key, so dots in it are harmless. */
export const identifier = () => identifierSchema;

/** A number of units: a positive safe integer. */
export const quantity = () => quantitySchema;

const lineSchema = z.strictObject({ sku: identifier(), quantity: quantity() }, LINE_FIX);
const orderSchema = z.strictObject({
  orderId: identifier(),
  customerId: identifier(),
  lines: z.array(lineSchema, LINES_FIX).min(1, LINES_FIX).max(MAXIMUM_LINES, LINES_FIX),
});

/** Returns the canonical form of an order, one line per SKU, sorted by SKU: the same thing is then deeply equal. */
export function parseOrder(input: unknown): Order {
  const { orderId, customerId, lines } = parse(orderSchema, input);
  return { orderId, customerId, lines: mergeLines(lines) };
}

/** Returns true if both ask for the same thing, so that the second one may join the first. */
export function sameContent(one: Order, other: Order): boolean {
  if (one.customerId !== other.customerId || one.lines.length !== other.lines.length) return false;
  return one.lines.every(({ sku, quantity }, index) => {
    return sku === other.lines[index]?.sku && quantity === other.lines[index]?.quantity;
  });
}

function mergeLines(lines: readonly Line[]): Line[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of lines) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  // A sum of safe integers can leave the safe range, so the merged lines are checked once more.
  return [...quantities]
    .map(([sku, total]) => ({ sku, quantity: parse(quantity(), total, `lines: quantity of ${sku}`) }))
    .sort((one, other) => (one.sku < other.sku ? -1 : 1));
}
