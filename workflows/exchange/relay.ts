import { log, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Relay } from '../../activities/exchange/publishing.ts';
import { relayIdOf } from '../../domain/addresses.ts';
import { ConcordError } from '../../domain/errors.ts';
import { identifier } from '../../domain/order.ts';
import { type ServiceName, services } from '../../domain/services.ts';
import { inventory, orders, settling } from '../contract/activities.ts';
import { asWorkflowFailure, causeOf } from '../order/failures.ts';
import { wakeSignal } from '../order/messages.ts';
import { carriedOver } from './backlog.ts';
import { Inbox, inBatches } from './inbox.ts';

const relays: Readonly<Record<ServiceName, Relay>> = {
  orders: {
    publish: orders(inBatches)['orders.publish'],
    findUnpublished: orders(settling)['orders.findUnpublished'],
  },
  inventory: {
    publish: inventory(inBatches)['inventory.publish'],
    findUnpublished: inventory(settling)['inventory.findUnpublished'],
  },
};

/**
 * Publishes the events in a service's outboxes. Whoever has put one in wakes it, so nothing is polled; and one that
 * begins anew looks for what nobody has told of.
 *
 * @param service Whose outboxes; also its task queue.
 * @param carried What the run before this one left,
 * @param unkept and orders of which it kept no more than the id, which is all that is needed here.
 */
export async function relay(service: ServiceName, carried?: unknown, unkept?: unknown): Promise<never> {
  asWorkflowFailure(() => refuseOtherService(service));
  const { publish, findUnpublished } = relays[service];
  const add = (orderId: string) => inbox.add(orderId, 'outbox', orderId);
  const inbox = new Inbox<string>(carriedOver(carried, unkept, validOrderId), {
    batch: BATCH,
    async handle(orderIds) {
      try {
        const failed = await publish(orderIds);
        return new Map(failed.map(({ id, error }) => [id, error]));
      } catch (error) {
        // A relay that fails would lose what it was told.
        return new Map(orderIds.map((orderId) => [orderId, causeOf(error)]));
      }
    },
    async askAgain(orderId) {
      add(orderId);
      return true;
    },
  });
  setHandler(wakeSignal, (input) => {
    const orderId = validOrderId(input);
    if (orderId !== undefined) add(orderId);
  });
  const isNew = workflowInfo().continuedFromExecutionRunId === undefined;
  if (isNew) {
    for (const found of await findUnpublished()) {
      const orderId = validOrderId(found);
      if (orderId === undefined)
        log.warn('left alone', { found, problem: 'it has an outbox, and is no order' });
      else add(orderId);
    }
  }
  return inbox.handleAll([service]);
}

// Each is published in some milliseconds, several at a time.
const BATCH = 100;

/**
 * Anyone may start a workflow: one for another service than its id says would keep the id from the right one. Its task
 * queue doesn't count, because a history is replayed on another one.
 */
function refuseOtherService(service: unknown): void {
  const { workflowId } = workflowInfo();
  if (services.some((name) => name === service && workflowId === relayIdOf(name))) return;
  throw new ConcordError('InvalidInput', {
    problems: [{ field: 'service', fix: 'name the service of this id, such as orders for relay/orders' }],
  });
}

function validOrderId(input: unknown): string | undefined {
  return identifier().safeParse(input).data;
}
