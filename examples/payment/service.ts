import type { Db } from 'mongodb';
import type { Service } from '../../workers/services.ts';
import { createStandInGateway, type PaymentGateway } from './gateway.ts';
import { createPayment } from './payment.ts';

/** All activities of the payment service, by the names that the Web UI shows. */
export type PaymentActivities = ReturnType<typeof createPaymentActivities>;

function createPaymentActivities(database: Db, gateway: PaymentGateway) {
  const payment = createPayment(
    { payments: database.collection('payments'), prices: database.collection('prices') },
    gateway,
  );
  return {
    'payment.prepare': payment.prepare,
    'payment.commit': payment.commit,
    'payment.rollback': payment.rollback,
    'payment.inspect': payment.inspect,
  };
}

/**
 * The payment service, for `runServices` and `createServiceWorker`: only activities, on a task queue of its own.
 *
 * @param gatewayOf Reaches the payment provider; the stand-in keeps its books in the service's own database.
 */
export function paymentService(
  gatewayOf: (database: Db) => PaymentGateway = (database) =>
    createStandInGateway(database.collection('provider')),
): Service {
  return {
    name: 'payment',
    createActivities: ({ database }) => createPaymentActivities(database, gatewayOf(database)),
  };
}
