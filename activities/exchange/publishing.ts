import { handleEach, type Unhandled } from './batch.ts';
import type { Outboxes } from './outbox.ts';

export type Relay = ReturnType<typeof createRelay>;

/** Publishes what a service has put into its outboxes. */
export function createRelay(outboxes: Outboxes) {
  return {
    /** Publishes the events of these orders, each order's in order; returns the orders that must be tried again. */
    publish(orderIds: readonly string[]): Promise<Unhandled[]> {
      const orders = orderIds.map((id) => ({ id }));
      // This also finds messages that nobody has sent: they must not go out as events, which nobody takes.
      return handleEach(orders, ({ id }) => outboxes.empty(id), { concurrency: ORDERS_AT_ONCE });
    },
    /** Finds orders with something to publish, of which the relay may never have been told. */
    findUnpublished: (): Promise<string[]> => outboxes.findFull(MAXIMUM_UNPUBLISHED),
  };
}

const ORDERS_AT_ONCE = 25;
// Their ids fit into one payload; a relay finds the rest when it begins anew.
const MAXIMUM_UNPUBLISHED = 10_000;
