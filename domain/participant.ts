import { z } from 'zod';
import { defined } from './defined.ts';
import { ConcordError } from './errors.ts';
import { type FinalStatus, type Order, parseOrder, type Reason } from './order.ts';
import { type Strategy, strategies } from './strategies.ts';
import { oneOf, parse } from './validation.ts';

/** The coordinator's request to a participant, in every phase. */
export interface ParticipantRequest {
  readonly order: Order;
  /** The coordinator's first run: tells its requests from those of another workflow for the same order id. */
  readonly coordinatorId: string;
  /** Set only by a resolution, once the recorded coordinator is gone: what that left undecided is then settled. */
  readonly takesOver?: boolean;
  /** When the coordinator accepted the order, in ISO 8601. */
  readonly placedAt: string;
  readonly strategy: Strategy;
}

/** A rollback also says how the order ends, and why. */
export interface RollbackRequest extends ParticipantRequest {
  readonly status: Exclude<FinalStatus, 'confirmed'>;
  readonly reason: Reason;
}

/** A decision: the order service puts it on record, unless another outcome is there already. */
export type DecideRequest = RollbackRequest | (ParticipantRequest & { readonly status: 'confirmed' });

/**
 * A service that takes part in an order. Each method is idempotent and tolerates every order of arrival, because a
 * timed-out attempt may still be running when its successor, or the rollback, has finished:
 *
 * - prepare twice: hold once, answer the same;
 * - rollback before prepare: succeed, and leave a tombstone;
 * - prepare after rollback or commit: change nothing and throw `LateArrival`;
 * - commit twice, rollback twice: settle once, answer the same;
 * - rollback after commit, commit after rollback, commit before prepare: change nothing and throw `ProtocolViolation`.
 *
 * Coordinators tell participants only what the order service has on record (`decide`), so all of them tell the same.
 *
 * Unless it `takesOver`, a request of another coordinator than the recorded one changes nothing: prepare and commit
 * throw `LeftUndecided` if the order is undecided; prepare throws `AlreadyDecided`, with the outcome, if it is decided.
 *
 * Sources: X/Open XA for the phases; the dtm project for empty rollback and suspension.
 */
export interface Participant {
  /** Votes yes by returning; votes no by throwing a failure that is not retryable. */
  readonly prepare: (request: ParticipantRequest) => Promise<void>;
  readonly commit: (request: ParticipantRequest) => Promise<void>;
  readonly rollback: (request: RollbackRequest) => Promise<void>;
}

/** The recorded end of an order, if a participant knows it. */
type Recorded = { readonly status: string; readonly reason?: Reason | undefined };

/** Returns the errors by which a participant refuses a request. @param participant Its name. */
export function refusalsOf(participant: string) {
  return {
    lateArrival: (orderId: string, { status, reason }: Partial<Recorded> = {}) =>
      new ConcordError('LateArrival', defined({ participant, orderId, status, reason })),
    /** Nobody knows whether this attempt has done anything; the next one finds out. */
    attemptExpired: (orderId: string) => new ConcordError('AttemptExpired', { participant, orderId }),
    /** A coordinator contradicts what is on record. */
    violation: (orderId: string, asked: 'commit' | 'rollback', found: string) =>
      new ConcordError('ProtocolViolation', { participant, orderId, asked, found }),
    alreadyDecided: (orderId: string, { status, reason }: Recorded) =>
      new ConcordError('AlreadyDecided', defined({ orderId, status, reason })),
    leftUndecided: (orderId: string) => new ConcordError('LeftUndecided', { orderId }),
    idTaken: (orderId: string) => new ConcordError('OrderIdTaken', { orderId }),
  };
}

// Functions return schemas to other modules, for the reason that `order.ts` gives.

export const participantRequestFields = () => ({
  order: z.unknown(),
  coordinatorId: z
    .string('name the coordinator')
    .min(1, 'name the coordinator')
    .max(100, 'use at most 100 characters'),
  takesOver: z.boolean('use true or false').optional(),
  placedAt: z.iso.datetime('use a time in ISO 8601, in UTC'),
  strategy: oneOf(strategies),
});

export const refusalFields = () => ({
  status: z.enum(['rejected', 'cancelled'], 'use rejected or cancelled'),
  reason: z.object({
    code: z.string('say why, as a code').min(1).max(100),
    message: z.string('say why').max(10_000),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

const requestSchema = z.object(participantRequestFields());
const rollbackSchema = requestSchema.extend(refusalFields());
const confirmationSchema = z.object({ status: z.literal('confirmed') });

export function parseParticipantRequest(input: unknown): ParticipantRequest {
  const request = parse(requestSchema, input);
  return { ...(request as ParticipantRequest), order: parseOrder(request.order) };
}

export function parseDecideRequest(input: unknown): DecideRequest {
  if (!confirmationSchema.safeParse(input).success) return parseRollbackRequest(input);
  return { ...parseParticipantRequest(input), status: 'confirmed' };
}

export function parseRollbackRequest(input: unknown): RollbackRequest {
  const request = parse(rollbackSchema, input);
  return { ...(request as RollbackRequest), order: parseOrder(request.order) };
}
