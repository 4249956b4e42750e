import { handleEach, type Unhandled } from './batch.ts';
import type { Outboxes } from './outbox.ts';

/** Publishes what services have put into their outboxes. */
export interface Relay {
  /** Publishes the events of these orders, each order's in order; returns the orders that must be tried again. */
  publish(orderIds: readonly string[]): Promise<Unhandled[]>;
  /** Orders with something to publish that nobody may have told of. */
  findUnpublished(): Promise<string[]>;
}

export function createRelay(outboxes: Outboxes): Relay {
  return {
    publish: (orderIds) =>
      handleEach(
        orderIds.map((id) => ({ id })),
        // One that begins anew also finds what nobody has sent: a message must not go out as an event, which nobody takes.
        ({ id }) => outboxes.empty(id),
        { concurrency: ORDERS_AT_ONCE },
      ),
    findUnpublished: () => outboxes.findFull(MAXIMUM_UNPUBLISHED),
  };
}

const ORDERS_AT_ONCE = 25;
// Their ids fit into one payload; the relay that found more would find the rest when it begins anew.
const MAXIMUM_UNPUBLISHED = 10_000;
