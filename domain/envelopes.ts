import { z } from 'zod';
import { type Announcement, parseAnnouncement } from './announcements.ts';
import { defined } from './defined.ts';
import { identifier } from './order.ts';
import { parse } from './validation.ts';

/** Takes announcements in batches, by an activity of the worker on its host's task queue. */
export interface Receiver {
  readonly name: string;
  /** The task queue of the worker that hosts it. */
  readonly host: string;
  /** The activity that takes each batch: a {@link BatchHandler}. */
  readonly handler: string;
  /** An order's later announcement takes the place of an earlier one that waits; by default it gets each, in order. */
  readonly onlyLatest?: boolean;
}

/** An announcement, and all who get it. */
export interface Envelope {
  readonly announcement: Announcement;
  readonly to: readonly Receiver[];
}

/** What became of a batch. */
export interface Handled {
  /** The announcements, by their ids, that must be tried again, and why. */
  readonly unhandled: readonly Unhandled[];
  /** What the receiver has announced meanwhile. */
  readonly published: readonly Envelope[];
}

/** An item of a batch that could not be handled now, and why. */
export interface Unhandled {
  readonly id: string;
  readonly error: string;
}

export type BatchHandler = (batch: readonly Announcement[]) => Promise<Handled>;

const receiverSchema = z.strictObject({
  name: identifier(),
  host: identifier(),
  handler: identifier(),
  onlyLatest: z.boolean().optional(),
});
const envelopeSchema = z.strictObject({ announcement: z.unknown(), to: z.array(receiverSchema).max(20) });
const handledSchema = z.object({
  unhandled: z.array(z.object({ id: z.string(), error: z.string() })),
  published: z.array(z.unknown()),
});

export function parseReceiver(input: unknown): Receiver {
  return defined(parse(receiverSchema, input));
}

export function parseEnvelope(input: unknown): Envelope {
  const { announcement, to } = parse(envelopeSchema, input);
  return { announcement: parseAnnouncement(announcement), to: to.map((receiver) => defined(receiver)) };
}

/** Envelopes are left as they came: one that is malformed says nothing against the others. */
export const parseHandled = (input: unknown) => parse(handledSchema, input);
