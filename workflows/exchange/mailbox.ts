import { log, proxyActivities, setHandler } from '@temporalio/workflow';
import { type Announcement, type AnnouncementType, parseAnnouncement } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import { causeOf } from '../order/failures.ts';
import { messageSignal } from '../order/messages.ts';
import { batchOptions, carriedOver, Inbox } from './inbox.ts';

type Inventory = {
  'inventory.handleMessages'(messages: readonly Announcement[]): Promise<{ id: string; error: string }[]>;
};

const inventory = proxyActivities<Inventory>({
  taskQueue: 'inventory',
  ...batchOptions('inventory.handleMessages'),
});

/**
 * A durable mailbox of the inventory service: messages that arrive are kept until they are handled and answered, also
 * while the inventory is down. What waits is taken in one batch, so the more there is to do, the less each costs.
 *
 * @param carried What the run before this one left.
 */
export async function mailbox(carried?: unknown): Promise<never> {
  const inbox = new Inbox<Announcement>(BATCH, carriedOver(carried, validMessage));
  setHandler(messageSignal, (message) => takeIn(inbox, message));
  return inbox.handleAll([], handleBatch);
}

function takeIn(inbox: Inbox<Announcement>, input: unknown): void {
  const message = validMessage(input);
  if (message === undefined) return;
  // Stock is asked for first: such a message that comes after another one of its order is a late copy.
  const isRequest = message.type === 'ReserveStock';
  inbox.add(message.subject, message.type, message, ({ type }) => isRequest && type !== 'ReserveStock');
}

/** Nothing where it is no message for the inventory: anyone may send a signal, and there is nobody to refuse it to. */
function validMessage(input: unknown): Announcement | undefined {
  try {
    const message = parseAnnouncement(input);
    if (MESSAGES.includes(message.type)) return message;
    log.warn('a message was dropped, because the inventory takes none of its type', { type: message.type });
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    log.warn('a message was dropped, because it is none', { reason: error.message });
  }
  return undefined;
}

const MESSAGES: readonly AnnouncementType[] = ['ReserveStock', 'SellStock', 'ReleaseStock'];

// As many as the activity handles at the same time, so that the whole batch takes no longer than its slowest.
const BATCH = 25;

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
