import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import pRetry from 'p-retry';
import { createInventory } from '../../activities/inventory/participant.ts';
import { createStockKeeping } from '../../activities/inventory/stock.ts';
import { createOrders } from '../../activities/orders/participant.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import type { Stage } from '../measure/stage.ts';
import { collectionsIn } from '../measure/state.ts';

export type Participants = ReturnType<typeof createParticipants>;

/** One order in so many is rolled back after it is prepared, and one while its prepare is still running. */
const ROLLED_BACK = 10;
const OVERTAKEN = 20;
const CONCURRENCY = 16;

/** Both participants, called as a coordinator would, without one. */
export function createParticipants({ databases }: Pick<Stage, 'databases'>) {
  const collections = collectionsIn(databases);
  const inventory = createInventory(collections);
  const stockKeeping = createStockKeeping(collections);
  const orders = createOrders(collections.orders);

  const prepare = (request: ParticipantRequest) =>
    Promise.all([orders.prepare(request), inventory.prepare(request)]);
  const rollback = async (request: ParticipantRequest) => {
    const reason = { code: 'Cancelled', message: 'changed their mind' };
    const cancelled = { ...request, status: 'cancelled', reason } as const;
    await insist(() => orders.decide(cancelled));
    await insist(() => inventory.rollback(cancelled));
  };

  const take = async (sku: string, index: number) => {
    const request = requestOf(`growth-${index}`, sku);
    if (index % OVERTAKEN === 1) {
      // Like an attempt that was given up and still runs: its order leaves a tombstone, and it is refused.
      const prepared = prepare(request).catch((error) => {
        if (!(error instanceof ConcordError)) throw error;
      });
      await rollback(request);
      return prepared;
    }
    await insist(() => prepare(request));
    if (index % ROLLED_BACK === 0) return rollback(request);
    await insist(() => orders.decide({ ...request, status: 'confirmed' }));
    await insist(() => inventory.commit(request));
  };

  return {
    collections,
    /** Takes the orders from number `first` to before `end` through all phases, some of them to a rollback. */
    async drive(sku: string, first: number, end: number) {
      const indexes = Array.from({ length: end - first }, (_, offset) => first + offset);
      await pMap(indexes, (index) => take(sku, index), { concurrency: CONCURRENCY });
    },
    async sell(sku: string) {
      const request = requestOf(`measured-${randomUUID()}`, sku);
      await inventory.prepare(request);
      await inventory.commit(request);
    },
    receive: (sku: string, quantity: number) =>
      stockKeeping.receive({ receiptId: randomUUID(), sku, quantity }),
  };
}

export function requestOf(orderId: string, sku: string): ParticipantRequest {
  const order = { orderId, customerId: 'customer', lines: [{ sku, quantity: 1 }] };
  return { order, coordinatorId: randomUUID(), placedAt: new Date().toISOString(), strategy: 'two-phase' };
}

/** Tries again what can succeed later, as a coordinator does. */
function insist(call: () => Promise<unknown>): Promise<unknown> {
  const shouldRetry = ({ error }: { error: Error }) => !(error instanceof ConcordError) || error.retryable;
  return pRetry(call, { retries: 8, minTimeout: 20, shouldRetry });
}
