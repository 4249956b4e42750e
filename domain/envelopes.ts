import { z } from 'zod';
import { type Announcement, parseAnnouncement } from './announcements.ts';
import { identifier } from './order.ts';
import { parse } from './validation.ts';

const receiverSchema = z.strictObject({
  name: identifier(),
  /** The task queue of the worker that hosts it. */
  host: identifier(),
  /** The activity that takes each batch: a `BatchHandler`. */
  handler: identifier(),
  /** An order's later announcement takes the place of an earlier one that waits; by default it gets each, in order. */
  onlyLatest: z.boolean().optional(),
});
const receiversSchema = z.array(receiverSchema).max(20, 'use at most 20 receivers');
const envelopeSchema = z.strictObject({ announcement: z.unknown(), to: receiversSchema });
const handledSchema = z.object({
  /** The announcements, by their ids, that must be tried again, and why. */
  unhandled: z.array(z.object({ id: z.string(), error: z.string() })),
  /** Envelopes with what the receiver has announced meanwhile. */
  published: z.array(z.unknown()),
});

// What a date can be.
const time = z.number().min(0).max(8.64e15);
const waitingSchema = z.object({
  receiver: receiverSchema,
  item: z.unknown(),
  since: time,
  failures: z.int().min(0),
  lastError: z.string(),
  retryAt: time,
});
const unkeptSchema = z.object({ receiver: receiverSchema, orderIds: z.array(identifier()) });

/** Takes announcements in batches, by an activity. */
export type Receiver = Readonly<z.output<typeof receiverSchema>>;

/** An announcement, and all who get it. */
export interface Envelope {
  readonly announcement: Announcement;
  readonly to: readonly Receiver[];
}

/** What became of a batch. */
export interface Handled extends Readonly<z.output<typeof handledSchema>> {
  readonly published: Envelope[];
}
export type BatchHandler = (batch: readonly Announcement[]) => Promise<Handled>;

export function parseEnvelope(input: unknown): Envelope {
  const { announcement, to } = parse(envelopeSchema, input);
  return { announcement: parseAnnouncement(announcement), to };
}

export const parseReceivers = (input: unknown, name: string) => parse(receiversSchema, input, name);

/** Envelopes are left as they came: one that is malformed says nothing against the others. */
export const parseHandled = (input: unknown) => parse(handledSchema, input);

/** An announcement that waits for its receiver, and how that has gone so far. Times are milliseconds since 1970. */
export type Waiting = Readonly<z.output<typeof waitingSchema>> & { readonly item: Announcement };

/** Orders of whose announcements to a receiver only the order's id is kept. */
export type Unkept = Readonly<z.output<typeof unkeptSchema>>;

export function parseWaiting(input: unknown): Waiting {
  const entry = parse(waitingSchema, input);
  return { ...entry, item: parseAnnouncement(entry.item) };
}

export const parseUnkept = (input: unknown): Unkept => parse(unkeptSchema, input);
