import { type Announcement, announcementOfInventory, parseAnnouncement } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Participant, RollbackRequest } from '../../domain/participant.ts';
import { invalidInput } from '../../domain/validation.ts';
import { handleEach, type Unhandled } from '../exchange/batch.ts';
import type { Outboxes } from '../exchange/outbox.ts';
import { handOver, type Post } from '../exchange/post.ts';
import { rejectionOf } from './documents.ts';

/** The inventory when nobody calls it: it is told of orders, takes its part in them, and tells what came of it. */
export function createInventoryService(
  inventory: Participant,
  { outboxes, post }: { readonly outboxes: Outboxes; readonly post: Post },
) {
  return {
    /** Handles a batch from the mailbox, and answers each; returns those that must be tried again. */
    handleMessages: (messages: readonly Announcement[]): Promise<Unhandled[]> =>
      handleEach(messages, handle, { concurrency: MESSAGES_AT_ONCE }),
    /** Reacts to an event of the order service. */
    handleEvent: handle,
  };

  async function handle(input: Announcement): Promise<void> {
    const { type, data } = parseAnnouncement(input);
    const step = STEPS[type];
    if (step === undefined) throw invalidInput('type', 'the inventory takes no such message');
    if (step === 'prepare') await vote(data);
    else await settle(step, data);
  }

  // The sender repeats its request until this has succeeded, so no answer can get lost.

  async function vote(data: Announcement['data']): Promise<void> {
    try {
      await inventory.prepare(data);
    } catch (error) {
      if (!(error instanceof ConcordError) || error.retryable) throw error;
      return refuse(error, data);
    }
    const yes = announcementOfInventory('prepare', data);
    if (yes === undefined) return;
    // Asked again: the answer may have been lost with the workflow that it was given to. The decision removes a message.
    const isPublished = data.strategy === 'event-driven' && (await outboxes.isEmpty(data.order.orderId));
    await (isPublished ? handOver(post, yes) : outboxes.dispatch(yes));
  }

  async function refuse(refusal: ConcordError, data: Announcement['data']): Promise<void> {
    const no = rejectionOf(data, refusal);
    if (no === undefined) return;
    if (!(await isToldByRecord(refusal, data))) return handOver(post, no);
    if (data.strategy === 'event-driven') await outboxes.dispatch(no);
    else await outboxes.empty(data.order.orderId);
  }

  /** A no that is on record with its announcement, or that nobody waits for any more because the order was decided. */
  async function isToldByRecord(refusal: ConcordError, { order }: Announcement['data']): Promise<boolean> {
    if (RECORDED_NOWHERE.includes(refusal.code)) return false;
    const isAskedAgain = refusal.code === 'LateArrival' && 'status' in refusal.details;
    const wasRefused = isAskedAgain && refusal.details.status === 'rolled back';
    return !wasRefused || !(await outboxes.isEmpty(order.orderId));
  }

  async function settle(step: 'commit' | 'rollback', data: Announcement['data']): Promise<void> {
    await inventory[step](data as RollbackRequest);
    // Only a no may still be there: what was told before goes first.
    if (step === 'rollback') await outboxes.empty(data.order.orderId);
    const done = announcementOfInventory(step, data);
    if (done !== undefined) await handOver(post, done);
  }
}

/** Refusals that concern another order's record, so that there is none of this order's own. */
const RECORDED_NOWHERE = ['OrderIdTaken', 'LeftUndecided', 'AlreadyDecided', 'InvalidInput'];

// A whole batch: one slow message must not make another one wait.
const MESSAGES_AT_ONCE = 25;

const STEPS: Partial<Record<Announcement['type'], keyof Participant>> = {
  ReserveStock: 'prepare',
  SellStock: 'commit',
  ReleaseStock: 'rollback',
  OrderPlaced: 'prepare',
  OrderConfirmed: 'commit',
  OrderRejected: 'rollback',
  OrderCancelled: 'rollback',
};
