import { type Announcement, announcementOfInventory, parseAnnouncement } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Participant, RollbackRequest } from '../../domain/participant.ts';
import { handleBatch } from '../exchange/batch.ts';
import type { Outboxes } from '../exchange/outbox.ts';
import type { Post } from '../exchange/post.ts';
import { rejectionOf } from './documents.ts';

/** The inventory when nobody calls it: it is told of orders, takes its part in them, and tells what came of it. */
export function createInventoryService(
  inventory: Participant,
  { outboxes, post }: { readonly outboxes: Outboxes; readonly post: Post },
) {
  return {
    handle: (batch: readonly Announcement[]) => handleBatch(batch, handle, post),
  };

  /** It is told of again until this has succeeded, so no answer can get lost. */
  async function handle(input: Announcement): Promise<readonly Announcement[]> {
    const { type, data } = parseAnnouncement(input);
    const step = STEPS[type];
    if (step === undefined) return []; // of no concern to the inventory
    if (step === 'prepare')
      return data.strategy === 'event-driven' ? vote(data) : answer(data, await vote(data));
    await inventory[step](data as RollbackRequest);
    const done = announcementOfInventory(step, data);
    if (done === undefined) return [];
    if (data.strategy === 'event-driven') {
      // The order's own workflow waits for this one.
      await post.reply(done);
      return [done];
    }
    // Only a no may still be there: what was told before goes first.
    const former = step === 'rollback' ? await outboxes.read(data.order.orderId) : [];
    return answer(data, [...former, done]);
  }

  /** Returns its vote as it is announced; if it was asked before, what it has answered then. */
  async function vote(data: Announcement['data']): Promise<readonly Announcement[]> {
    try {
      await inventory.prepare(data);
    } catch (error) {
      if (!(error instanceof ConcordError) || error.retryable) throw error;
      return refuse(error, data);
    }
    const yes = announcementOfInventory('prepare', data);
    return yes === undefined ? [] : [yes];
  }

  async function refuse(refusal: ConcordError, data: Announcement['data']): Promise<readonly Announcement[]> {
    const no = rejectionOf(data, refusal);
    if (no === undefined) return [];
    if (RECORDED_NOWHERE.includes(refusal.code)) return [no];
    // What is on record counts: another attempt may have said yes.
    const recorded = (await outboxes.read(data.order.orderId)).filter(({ type }) => VOTES.includes(type));
    // If the answer was taken out already, the order is told once more, unless it was confirmed meanwhile.
    const isAskedAgain = refusal.code === 'LateArrival' && 'status' in refusal.details;
    const wasRefused = isAskedAgain && refusal.details.status === 'rolled back';
    return recorded.length === 0 && wasRefused ? [no] : recorded;
  }

  /** Answers a message. A yes is taken out of the outbox by the decision, and a no, which is one, now. */
  async function answer({ order }: Announcement['data'], answers: readonly Announcement[]) {
    for (const each of answers) await post.reply(each);
    if (answers.some(({ type }) => type === 'StockRejected')) await outboxes.clear(order);
    return [];
  }
}

const VOTES: readonly Announcement['type'][] = ['StockReserved', 'StockRejected'];

/** Refusals that concern another order's record, so that there is none of this order's own. */
const RECORDED_NOWHERE = ['OrderIdTaken', 'LeftUndecided', 'AlreadyDecided', 'InvalidInput'];

const STEPS: Partial<Record<Announcement['type'], keyof Participant>> = {
  ReserveStock: 'prepare',
  SellStock: 'commit',
  ReleaseStock: 'rollback',
  OrderPlaced: 'prepare',
  OrderConfirmed: 'commit',
  OrderRejected: 'rollback',
  OrderCancelled: 'rollback',
};
