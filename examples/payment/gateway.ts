import type { Collection } from 'mongodb';
import { insertUnlessPresent, READ_COMMITTED } from '../../activities/mongodb/client.ts';

/**
 * A payment provider, as far as the example needs one. Every call names the payment by an id of ours, which is the
 * idempotency key: a call that is repeated has its effect once, and answers the same.
 */
export interface PaymentGateway {
  /** Blocks an amount on the customer's card; `voided` if this payment was voided before. */
  authorize(payment: Payment): Promise<'authorized' | 'declined' | 'voided'>;
  /** Takes what is blocked. */
  capture(id: string): Promise<void>;
  /**
   * Gives back what is blocked, and lets nothing be blocked under this id any more. (If a provider can't promise
   * that, what a late call still blocks lapses by itself after some days; it is never taken.)
   */
  void(id: string): Promise<void>;
}

export interface Payment {
  readonly id: string;
  readonly customerId: string;
  /** In the smallest unit of the currency, such as cents. */
  readonly amount: number;
}

export interface BookedPayment {
  _id: string;
  state: 'authorized' | 'declined' | 'captured' | 'voided';
  customerId?: string;
  amount?: number;
}

/** Stands in for a provider, with books in MongoDB. It declines the customers whose id begins with `declined`. */
export function createStandInGateway(books: Collection<BookedPayment>): PaymentGateway {
  return {
    async authorize({ id, customerId, amount }) {
      const state = customerId.startsWith('declined') ? 'declined' : 'authorized';
      if (await insertUnlessPresent(books, { _id: id, state, customerId, amount })) return state;
      const booked = await stateOf(id);
      return booked === 'captured' ? 'authorized' : booked;
    },

    async capture(id) {
      const { matchedCount } = await books.updateOne(
        { _id: id, state: 'authorized' },
        { $set: { state: 'captured' } },
      );
      if (matchedCount === 0) await demand(id, 'captured');
    },

    async void(id) {
      if (await giveBack(id)) return;
      // Nothing is blocked, and this keeps it so, unless something came in between.
      if (await insertUnlessPresent(books, { _id: id, state: 'voided' })) return;
      if (!(await giveBack(id))) await demand(id, 'voided');
    },
  };

  async function giveBack(id: string): Promise<boolean> {
    const { matchedCount } = await books.updateOne(
      { _id: id, state: { $in: ['authorized', 'declined'] } },
      { $set: { state: 'voided' } },
    );
    return matchedCount === 1;
  }

  async function demand(id: string, wanted: BookedPayment['state']): Promise<void> {
    const booked = await stateOf(id);
    if (booked !== wanted) throw new Error(`the provider has payment ${id} as ${booked}, not ${wanted}`);
  }

  async function stateOf(id: string): Promise<BookedPayment['state']> {
    const booked = await books.findOne({ _id: id }, READ_COMMITTED);
    if (booked === null) throw new Error(`the provider knows no payment ${id}`);
    return booked.state;
  }
}
