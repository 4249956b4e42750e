import { callable } from '../../workflows/contract/activities.ts';
import { participants } from '../../workflows/contract/participants.ts';
import type { PaymentActivities } from './service.ts';

// The order service's worker runs this if payment takes part: its own workflows, with one participant more.
export * from '../../workflows/orders.ts';

participants.payment = (options) => {
  const activities = callable<PaymentActivities>('payment', options);
  return {
    prepare: activities['payment.prepare'],
    commit: activities['payment.commit'],
    rollback: activities['payment.rollback'],
    inspect: activities['payment.inspect'],
  };
};
