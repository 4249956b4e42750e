import type { Collection, Db } from 'mongodb';
import type { BookedPayment } from '../../../examples/payment/gateway.ts';
import type { PaymentCollections } from '../../../examples/payment/payment.ts';

/** The payment service's collections, and the books of the provider that it stands with. */
export interface PaymentBooks extends PaymentCollections {
  readonly provider: Collection<BookedPayment>;
}

export function collectionsOf(database: Db): PaymentBooks {
  return {
    payments: database.collection('payments'),
    prices: database.collection('prices'),
    provider: database.collection('provider'),
  };
}
