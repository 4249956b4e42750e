import { log, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Relay } from '../../activities/exchange/outbox.ts';
import { relayIdOf } from '../../domain/addresses.ts';
import { identifier } from '../../domain/order.ts';
import { type ServiceName, services } from '../../domain/services.ts';
import { invalidInput } from '../../domain/validation.ts';
import { inBatches, inventory, orders, settling } from '../contract/activities.ts';
import { refusal } from '../order/failures.ts';
import { wakeSignal } from '../order/messages.ts';
import { carriedOver } from './backlog.ts';
import { Inbox } from './inbox.ts';

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
 * Publishes the events in a service's outboxes. Whoever has put one in wakes it, so nothing is polled; a relay that
 * begins anew looks for those that it was never told of.
 *
 * @param carried What the run before this one left,
 * @param unkept and orders of which it kept no more than the id, which is all that is needed here.
 */
export async function relay(service: ServiceName, carried?: unknown, unkept?: unknown): Promise<never> {
  const { workflowId, continuedFromExecutionRunId } = workflowInfo();
  // Anyone may start a workflow: one for another service than its id says would keep the id from the right one. Its task
  // queue doesn't count, because a history is replayed on another one.
  if (!services.some((name) => name === service && workflowId === relayIdOf(name))) {
    throw refusal(invalidInput('service', 'name the service of this id, such as orders for relay/orders'));
  }
  const { publish, findUnpublished } = relays[service];
  const add = (input: unknown): boolean => {
    const orderId = validOrderId(input);
    if (orderId !== undefined) inbox.add(orderId, 'outbox', orderId);
    return orderId !== undefined;
  };
  const inbox = new Inbox<string>(carriedOver(carried, unkept, validOrderId), {
    batch: BATCH,
    handle: async (orderIds) => new Map((await publish(orderIds)).map(({ id, error }) => [id, error])),
    askAgain: async (orderId) => add(orderId),
  });
  setHandler(wakeSignal, (input) => void add(input));
  const isNew = continuedFromExecutionRunId === undefined;
  for (const found of isNew ? await findUnpublished() : []) {
    if (!add(found)) log.warn('left alone', { found, problem: 'it has an outbox, and is no order' });
  }
  return inbox.handleAll([service]);
}

// Each is published in some milliseconds, several at a time.
const BATCH = 100;

const validOrderId = (input: unknown) => identifier().safeParse(input).data;
