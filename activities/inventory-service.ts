import {
  type Announcement,
  announcementOfInventory,
  type Occurrence,
  parseAnnouncement,
} from '../domain/announcements.ts';
import { ConcordError } from '../domain/errors.ts';
import type { Participant, RollbackRequest } from '../domain/participant.ts';
import { handleEach, type Unhandled } from './batch.ts';
import type { Outboxes } from './outbox.ts';
import { handOver, type Post } from './post.ts';

export interface InventoryService {
  /** Handles a batch from the mailbox, and answers each; returns those that must be tried again. */
  handleMessages(messages: readonly Announcement[]): Promise<Unhandled[]>;
  /** Reacts to an event of the order service. */
  handleEvent(event: Announcement): Promise<void>;
}

/** The inventory where nobody calls it: it is told of orders, takes its part in them, and tells what came of it. */
export function createInventoryService(
  inventory: Participant,
  { outboxes, post }: { readonly outboxes: Outboxes; readonly post: Post },
): InventoryService {
  return {
    handleMessages: (messages) => handleEach(messages, handle, { concurrency: MESSAGES_AT_ONCE }),
    handleEvent: handle,
  };

  async function handle(input: Announcement): Promise<void> {
    const { type, data } = parseAnnouncement(input);
    const done = await react(stepOf(type), data);
    const answer = done && announcementOfInventory(done, data);
    if (answer === undefined) return outboxes.dispatch(data);
    // Who asks repeats it until this has succeeded, so the answer can't get lost; but what was told before goes first.
    await outboxes.empty(data.order.orderId, (announcement) => handOver(post, announcement));
    await handOver(post, answer);
  }

  /** Returns what is to be told, or nothing where the vote itself has put that into the outbox. */
  async function react(step: keyof Participant, data: Announcement['data']): Promise<Occurrence | undefined> {
    if (step !== 'prepare') {
      await inventory[step](data as RollbackRequest);
      return step;
    }
    try {
      await inventory.prepare(data);
      // Asked again: the answer may have been lost with the workflow that it was given to.
      return (await outboxes.isEmpty(data.order.orderId)) ? 'prepare' : undefined;
    } catch (error) {
      if (!(error instanceof ConcordError) || error.retryable) throw error;
      if (await isToldByRecord(error, data)) return undefined;
      const { code, message, details } = error;
      const reason = { code, message, details: { ...details } };
      const refusal = announcementOfInventory('refuse', { ...data, status: 'rejected', reason });
      if (refusal !== undefined) await handOver(post, refusal);
      return undefined;
    }
  }

  /** A no that is on record with its announcement, or that nobody waits for any more because the order was decided. */
  async function isToldByRecord(refusal: ConcordError, { order }: Announcement['data']): Promise<boolean> {
    if (RECORDED_NOWHERE.includes(refusal.code)) return false;
    const isAskedAgain = refusal.code === 'LateArrival' && 'status' in refusal.details;
    const wasRefused = isAskedAgain && refusal.details.status === 'rolled back';
    return !wasRefused || !(await outboxes.isEmpty(order.orderId));
  }
}

/** Refusals that concern another order's record, so that there is none of this order's own. */
const RECORDED_NOWHERE = ['OrderIdTaken', 'LeftUndecided', 'AlreadyDecided', 'InvalidInput'];

// A whole batch: one slow message must not make another one wait.
const MESSAGES_AT_ONCE = 25;

function stepOf(type: Announcement['type']): keyof Participant {
  const step = STEPS[type];
  if (step !== undefined) return step;
  throw new ConcordError('InvalidInput', {
    problems: [{ field: 'type', fix: 'the inventory takes no such message' }],
  });
}

const STEPS: Partial<Record<Announcement['type'], keyof Participant>> = {
  ReserveStock: 'prepare',
  SellStock: 'commit',
  ReleaseStock: 'rollback',
  OrderPlaced: 'prepare',
  OrderConfirmed: 'commit',
  OrderRejected: 'rollback',
  OrderCancelled: 'rollback',
};
