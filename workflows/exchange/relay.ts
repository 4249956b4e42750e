import { proxyActivities, scheduleActivity, setHandler, workflowInfo } from '@temporalio/workflow';
import { publishers, relayIdOf } from '../../domain/addresses.ts';
import { ConcordError } from '../../domain/errors.ts';
import { identifier } from '../../domain/order.ts';
import { asWorkflowFailure, causeOf } from '../order/failures.ts';
import { wakeSignal } from '../order/messages.ts';
import { optionsOf } from '../order/participants.ts';
import { batchOptions, carriedOver, Inbox } from './inbox.ts';

type Relay = Record<`${string}.publish`, (orderIds: readonly string[]) => Promise<Unpublished[]>>;

type Unpublished = { readonly id: string; readonly error: string };

/**
 * Publishes the events in a service's outboxes. Whoever has put one in wakes it, so nothing is polled; and one that
 * begins anew looks for what nobody has told of.
 *
 * @param service Whose outboxes; also its task queue.
 * @param carried What the run before this one left.
 */
export async function relay(service: string, carried?: unknown): Promise<never> {
  asWorkflowFailure(() => refuseOtherService(service));
  const inbox = new Inbox<string>(BATCH, carriedOver(carried, validOrderId));
  const activities = proxyActivities<Relay>({ taskQueue: service, ...batchOptions(`${service}.publish`) });
  const add = (orderId: string) => inbox.add(orderId, 'outbox', orderId);
  setHandler(wakeSignal, (input) => {
    const orderId = validOrderId(input);
    if (orderId !== undefined) add(orderId);
  });
  const isNew = workflowInfo().continuedFromExecutionRunId === undefined;
  if (isNew) for (const orderId of await findUnpublished(service)) add(orderId);
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

// Each is published in some milliseconds, several at a time.
const BATCH = 100;

function findUnpublished(service: string): Promise<string[]> {
  return scheduleActivity<string[]>(`${service}.findUnpublished`, [], {
    taskQueue: service,
    ...optionsOf('settle', `${service}.findUnpublished`),
  });
}

/**
 * Anyone may start a workflow: one for another service than its id says would keep the id from the right one. Its task
 * queue doesn't count, because a history is replayed on another one.
 */
function refuseOtherService(service: unknown): void {
  const { workflowId } = workflowInfo();
  if (publishers.some((name) => name === service && workflowId === relayIdOf(name))) return;
  throw new ConcordError('InvalidInput', {
    problems: [{ field: 'service', fix: 'name the service of this id, such as orders for relay/orders' }],
  });
}

function validOrderId(input: unknown): string | undefined {
  return identifier().safeParse(input).data;
}
