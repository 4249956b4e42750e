import { proxyActivities, scheduleActivity, setHandler } from '@temporalio/workflow';
import { identifier } from '../domain/order.ts';
import { causeOf } from './failures.ts';
import { batchOptions, Inbox, type Waiting } from './inbox.ts';
import { wakeSignal } from './messages.ts';
import { optionsOf } from './participants.ts';

type Relay = Record<`${string}.publish`, (orderIds: readonly string[]) => Promise<Unpublished[]>>;

type Unpublished = { readonly id: string; readonly error: string };

/**
 * Publishes the events in a service's outboxes. Whoever has put one in wakes it, so nothing is polled; and one that
 * begins anew looks for what nobody has told of.
 *
 * @param service Whose outboxes; also its task queue.
 * @param carried What the run before this one left.
 */
export async function relay(service: string, carried?: Waiting<string>[]): Promise<never> {
  const inbox = new Inbox<string>(carried);
  const activities = proxyActivities<Relay>(batchOptions());
  const add = (orderId: string) => inbox.add(orderId, 'outbox', orderId);
  setHandler(wakeSignal, (orderId) => {
    if (identifier.safeParse(orderId).success) add(orderId);
  });
  if (carried === undefined) for (const orderId of await findUnpublished(service)) add(orderId);
  return inbox.handleAll([service], async (orderIds) => {
    try {
      const failed = (await activities[`${service}.publish`]?.(orderIds)) ?? [];
      return new Map(failed.map(({ id, error }) => [id, error]));
    } catch (error) {
      // A relay that fails would lose what it was told.
      return new Map(orderIds.map((orderId) => [orderId, causeOf(error)]));
    }
  });
}

function findUnpublished(service: string): Promise<string[]> {
  return scheduleActivity<string[]>(`${service}.findUnpublished`, [], optionsOf('settle'));
}
