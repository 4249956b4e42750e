import type { Collection } from 'mongodb';
import { insertUnlessPresent, READ_COMMITTED } from '../../activities/mongodb/client.ts';
import { contentOf, decidableBy } from '../../activities/mongodb/order-content.ts';
import { ConcordError } from '../../domain/errors.ts';
import { type Line, type Order, parseOrder, sameContent } from '../../domain/order.ts';
import type { Participant, ParticipantRequest } from '../../domain/participant.ts';
import { parseParticipantRequest, parseRollbackRequest, refusalsOf } from '../../domain/participant.ts';
import type { Inspectable, RecordedStatus } from '../../domain/resolution.ts';
import type { PaymentGateway } from './gateway.ts';

const { lateArrival, alreadyDecided, leftUndecided, attemptExpired, violation, idTaken } =
  refusalsOf('payment');

/** One order, one document: how far its payment is. It is its own tombstone. */
export interface PaymentDocument {
  _id: string;
  coordinatorId: string;
  customerId: string;
  lines: Line[];
  /** The order's price, as the first attempt found it, so that every attempt asks for the same; 0 if none came. */
  amount: number;
  /** `captured` and `voided` are decisions, on record before the provider is told, which is then told until it knows. */
  status: 'open' | 'authorized' | 'captured' | 'voided';
}

/** A unit's price now, in the smallest unit of the currency. An order names no prices, so the service has its own. */
export interface PriceDocument {
  _id: string;
  price: number;
}

export interface PaymentCollections {
  readonly payments: Collection<PaymentDocument>;
  readonly prices: Collection<PriceDocument>;
}

/**
 * A participant that has an effect outside its own database: prepare authorizes the order's amount with a payment
 * provider, commit captures it, rollback voids it. Each write carries its own precondition, and the order id is the
 * provider's idempotency key, so nobody pays twice, whatever is repeated, late, or cut off in between.
 */
export function createPayment(
  { payments, prices }: PaymentCollections,
  gateway: PaymentGateway,
): Participant & Inspectable {
  return {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      const { orderId, customerId } = request.order;
      const amount = await open(request);
      const answer = await gateway.authorize({ id: orderId, customerId, amount });
      if (answer === 'declined') throw refusal('the card was declined');
      // Decided meanwhile: this attempt has come too late, and what it blocked is given back or taken already.
      if (answer === 'voided' || !(await recordVote(request)))
        throw lateArrival(orderId, recorded(await read(orderId)));
    },

    async commit(input) {
      const request = parseParticipantRequest(input);
      const { order, coordinatorId } = request;
      const { matchedCount } = await payments.updateOne(
        { ...contentOf(order), status: 'authorized', ...decidableBy(request) },
        { $set: { status: 'captured', coordinatorId } },
      );
      if (matchedCount === 0) await refuseUnlessCaptured(order, coordinatorId);
      await gateway.capture(order.orderId);
    },

    async rollback(input) {
      const request = parseRollbackRequest(input);
      const { order, coordinatorId } = request;
      const { matchedCount } = await payments.updateOne(
        { ...contentOf(order), status: UNDECIDED, ...decidableBy(request) },
        { $set: { status: 'voided', coordinatorId } },
      );
      if (matchedCount === 0 && !(await isVoided(request))) return;
      await gateway.void(order.orderId);
    },

    async inspect(input) {
      const order = parseOrder(input);
      const found = await payments.findOne(contentOf(order), READ_COMMITTED);
      return found === null ? 'unknown' : STATUSES[found.status];
    },
  };

  /** Lets an attempt in, unless the order is decided, and returns what it costs. */
  async function open({ order, coordinatorId }: ParticipantRequest): Promise<number> {
    const { orderId } = order;
    const price = await priceOf(order);
    const opened = { ...contentOf(order), coordinatorId, amount: price, status: 'open' as const };
    if (await insertUnlessPresent(payments, opened)) return price;
    const found = await read(orderId);
    const { status, amount } = found;
    if (!sameContent(order, { orderId, ...found })) throw idTaken(orderId);
    const isOurs = found.coordinatorId === coordinatorId;
    if (status === 'captured' || status === 'voided')
      throw (isOurs ? lateArrival : alreadyDecided)(orderId, recorded(found));
    if (!isOurs) throw leftUndecided(orderId);
    return amount;
  }

  async function priceOf({ lines }: Order): Promise<number> {
    const skus = lines.map(({ sku }) => sku);
    const found = await prices.find({ _id: { $in: skus } }, READ_COMMITTED).toArray();
    const priceBySku = new Map(found.map(({ _id, price }) => [_id, price]));
    const unpriced = skus.find((sku) => !priceBySku.has(sku));
    if (unpriced !== undefined) throw refusal(`${unpriced} has no price`);
    const amount = lines.reduce((sum, { sku, quantity }) => sum + quantity * (priceBySku.get(sku) ?? 0), 0);
    if (!Number.isSafeInteger(amount)) throw refusal('no card can pay so much');
    return amount;
  }

  /** Returns false if the order was decided meanwhile. */
  async function recordVote({ order, coordinatorId }: ParticipantRequest): Promise<boolean> {
    const { matchedCount } = await payments.updateOne(
      { _id: order.orderId, coordinatorId, status: UNDECIDED },
      { $set: { status: 'authorized' } },
    );
    return matchedCount === 1;
  }

  async function refuseUnlessCaptured(order: Order, coordinatorId: string): Promise<void> {
    const { orderId } = order;
    const found = await payments.findOne(contentOf(order), READ_COMMITTED);
    if (found?.status === 'captured') return;
    const isUndecided = found !== null && found.status !== 'voided';
    if (isUndecided && found.coordinatorId !== coordinatorId) throw leftUndecided(orderId);
    throw violation(orderId, 'commit', found?.status ?? 'not authorized');
  }

  /** Returns false if nothing was ever this coordinator's; from then on a late prepare is kept out. */
  async function isVoided({ order, coordinatorId, takesOver = false }: ParticipantRequest): Promise<boolean> {
    const { orderId } = order;
    const nothing = { ...contentOf(order), coordinatorId, amount: 0, status: 'voided' as const };
    if (await insertUnlessPresent(payments, nothing)) return false;
    const found = await read(orderId);
    if (!sameContent(order, { orderId, ...found })) return false;
    if (found.status === 'voided') return true;
    if (found.coordinatorId !== coordinatorId && !takesOver) return false;
    if (found.status === 'captured') throw violation(orderId, 'rollback', 'captured');
    throw attemptExpired(orderId); // a prepare came in between: the next attempt voids it
  }

  async function read(orderId: string): Promise<PaymentDocument> {
    const found = await payments.findOne({ _id: orderId }, READ_COMMITTED);
    if (found === null) throw attemptExpired(orderId); // not durable yet
    return found;
  }
}

const UNDECIDED: { $in: PaymentDocument['status'][] } = { $in: ['open', 'authorized'] };

const STATUSES: Readonly<Record<PaymentDocument['status'], RecordedStatus>> = {
  open: 'preparing',
  authorized: 'prepared',
  captured: 'confirmed',
  voided: 'rolled-back',
};

/** A vote no, in words for the customer. A code of its own would be a row in `domain/errors.ts`. */
function refusal(lastError: string): ConcordError {
  return new ConcordError('ParticipantFailed', { participant: 'payment', lastError });
}

function recorded({ status }: PaymentDocument): { status: string } {
  return { status: status === 'captured' ? 'confirmed' : 'rolled back' };
}
