import { log, proxyActivities, setHandler } from '@temporalio/workflow';
import { type Announcement, parseAnnouncement } from '../domain/announcements.ts';
import { ConcordError } from '../domain/errors.ts';
import { causeOf } from './failures.ts';
import { batchOptions, Inbox, type Waiting } from './inbox.ts';
import { messageSignal } from './messages.ts';

type Inventory = {
  'inventory.handleMessages'(messages: readonly Announcement[]): Promise<{ id: string; error: string }[]>;
};

const inventory = proxyActivities<Inventory>({ taskQueue: 'inventory', ...batchOptions() });

/**
 * A durable mailbox of the inventory service: messages that arrive are kept until they are handled and answered, also
 * while the inventory is down. What waits is taken in one batch, so the more there is to do, the less each costs.
 *
 * @param carried What the run before this one left.
 */
export async function mailbox(carried: Waiting<Announcement>[] = []): Promise<never> {
  const inbox = new Inbox<Announcement>(carried);
  setHandler(messageSignal, (message) => takeIn(inbox, message));
  return inbox.handleAll([], handleBatch);
}

/** Anyone may send a signal, and there is nobody to refuse it to. */
function takeIn(inbox: Inbox<Announcement>, input: unknown): void {
  try {
    const message = parseAnnouncement(input);
    // Stock is asked for first: such a message that comes after another one of its order is a late copy.
    const isRequest = message.type === 'ReserveStock';
    inbox.add(message.subject, message.type, message, ({ type }) => isRequest && type !== 'ReserveStock');
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    log.warn('a message was dropped, because it is none', { reason: error.message });
  }
}

async function handleBatch(messages: readonly Announcement[]): Promise<ReadonlyMap<string, string>> {
  try {
    const unhandled = await inventory['inventory.handleMessages'](messages);
    const errors = new Map(unhandled.map(({ id, error }) => [id, error]));
    return new Map(messages.flatMap(({ id, subject }) => entryOf(subject, errors.get(id))));
  } catch (error) {
    // A mailbox that fails would lose what it keeps.
    return new Map(messages.map(({ subject }) => [subject, causeOf(error)]));
  }
}

function entryOf(orderId: string, error: string | undefined): [string, string][] {
  return error === undefined ? [] : [[orderId, error]];
}
