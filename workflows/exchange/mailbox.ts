import { getExternalWorkflowHandle, log, setHandler } from '@temporalio/workflow';
import { type Announcement, type AnnouncementType, parseAnnouncement } from '../../domain/announcements.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { inBatches, inventory } from '../contract/activities.ts';
import { validOrNothing } from '../order/failures.ts';
import { messageSignal, sayAgainSignal } from '../order/messages.ts';
import { carriedOver } from './backlog.ts';
import { Inbox } from './inbox.ts';

/**
 * A durable mailbox of the inventory: it keeps messages until they are handled and answered, also while the inventory
 * is down. The more wait, the less each costs, in one batch. It runs on the order service's worker, which fills it.
 *
 * @param carried What the run before this one left: messages,
 * @param unkept and the orders that have to say theirs again.
 */
export async function mailbox(carried?: unknown, unkept?: unknown): Promise<never> {
  const inbox = new Inbox<Announcement>(carriedOver(carried, unkept, validMessage), {
    batch: BATCH,
    // Stock is asked for first: such a message that comes after another one of its order is a late copy.
    outranks: (type, other) => other === 'ReserveStock' && type !== 'ReserveStock',
    handle,
    askAgain,
  });
  setHandler(messageSignal, (input) => {
    const message = validMessage(input);
    if (message !== undefined) inbox.add(message.subject, message.type, message);
  });
  return inbox.handleAll([]);
}

function validMessage(input: unknown): Announcement | undefined {
  const message = validOrNothing(parseAnnouncement, input, 'a message was dropped, because it is none');
  if (message === undefined || MESSAGES.includes(message.type)) return message;
  log.warn('a message was dropped, because the inventory takes none of its type', { type: message.type });
  return undefined;
}

const MESSAGES: readonly AnnouncementType[] = ['ReserveStock', 'SellStock', 'ReleaseStock'];

// As many as the activity handles at the same time, so that the whole batch takes no longer than its slowest.
const BATCH = 25;

async function handle(messages: readonly Announcement[]): Promise<ReadonlyMap<string, string>> {
  const unhandled = await inventory(inBatches)['inventory.handleMessages'](messages);
  const errors = new Map(unhandled.map(({ id, error }) => [id, error]));
  const failed = messages.filter(({ id }) => errors.has(id));
  return new Map(failed.map(({ id, subject }) => [subject, errors.get(id) ?? '']));
}

/** An order that has ended has been answered; one that was ended by hand has to be resolved, whatever it has said. */
async function askAgain(orderId: string): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(workflowIdOf(orderId)).signal(sayAgainSignal);
    return true;
  } catch {
    return false;
  }
}
