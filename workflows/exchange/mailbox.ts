import {
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { waitingDetails } from '../../domain/current-details.ts';
import { type Envelope, parseEnvelope, type Receiver } from '../../domain/envelopes.ts';
import { inventory, orders, settling } from '../contract/activities.ts';
import { validOrNothing } from '../order/failures.ts';
import { lackingQuery, messageSignal, tryNowSignal, waitingQuery } from '../order/messages.ts';
import { type Backlog, CARRY_LIMITS, carriedOver } from './backlog.ts';
import { Inbox, PATIENCE } from './inbox.ts';

/**
 * Keeps what services announce until each receiver has handled it, also while one is down, which keeps none of the
 * others waiting. The more waits for a receiver, the less each announcement costs, in one batch. What a receiver
 * announces in turn comes back with the batch. When all receivers have an announcement, its outbox is told so.
 *
 * It runs on the order service's worker, and begins a new run before its history is long: so it takes in whatever comes,
 * however long a receiver is down. The arguments are what the run before this one left: announcements, the orders of
 * further ones, and the ids of those that are done, and still in their outboxes.
 */
export async function mailbox(waiting?: unknown, unkept?: unknown, unconfirmed?: unknown): Promise<never> {
  const inboxes = new Map<string, Inbox>();
  const backlogs = () => [...inboxes.values()].map(({ backlog }) => backlog);
  const has = (id: string) => backlogs().some((backlog) => backlog.has(id));
  const carried = carriedOver(waiting, unkept, unconfirmed);
  const done = new Set(carried.unconfirmed);
  const confirming = { ids: done, isUrgent: false };

  const inboxOf = (receiver: Receiver): Inbox => {
    const found = inboxes.get(keyOf(receiver)) ?? new Inbox(receiver, surroundings);
    inboxes.set(keyOf(receiver), found);
    return found;
  };
  const publish = (input: unknown): void => {
    const envelope = validOrNothing(parseEnvelope, input, 'an announcement was dropped, because it is none');
    if (envelope === undefined) return;
    const { announcement, to } = envelope;
    const isCopy = done.has(announcement.id);
    for (const receiver of to) inboxOf(receiver).backlog.add(announcement);
    // One receiver may have needed it no more before another one had it.
    if (isCopy || !has(announcement.id)) done.add(announcement.id);
    else done.delete(announcement.id);
  };
  const share = ({ announcement, to }: Envelope): void => {
    const lacking = to.map(inboxOf).filter(({ backlog }) => !backlog.has(announcement.id));
    if (!done.has(announcement.id)) for (const { backlog } of lacking) backlog.add(announcement);
  };
  const surroundings = {
    isEnding: isHistoryLong,
    publish,
    share,
    onDone: (id: string) => void (has(id) || done.add(id)),
    onChange: () => setCurrentDetails(detailsOf(backlogs())),
  };
  for (const entry of carried.waiting) inboxOf(entry.receiver).backlog.restore(entry);
  for (const { receiver, orderIds } of carried.unkept) inboxOf(receiver).backlog.restoreUnkept(orderIds);

  setHandler(messageSignal, publish);
  setHandler(tryNowSignal, (orderId) => {
    for (const backlog of backlogs()) backlog.tryNow(orderId);
    confirming.isUrgent = true;
  });
  setHandler(waitingQuery, () => {
    const kept = backlogs().flatMap((backlog) => backlog.views());
    return [...kept, ...backlogs().flatMap((backlog) => backlog.unkeptViews())].slice(0, MOST_SHOWN);
  });
  setHandler(lackingQuery, (ids) => ids.filter((id) => !done.has(id) && !has(id)));
  confirmAll(confirming);

  await condition(isHistoryLong);
  // However much comes meanwhile: a run that has taken all the signals that it may would refuse the next one.
  const longest = 2 * workflowInfo().historyLength;
  const isIdle = () => ![...inboxes.values()].some((inbox) => inbox.isBusy());
  await condition(() => isIdle() || workflowInfo().historyLength > longest, PATIENCE);
  const full = backlogs().filter((backlog) => !backlog.isEmpty());
  const limits = { items: CARRY_LIMITS.items / full.length, ids: CARRY_LIMITS.ids / full.length };
  const left = full.map((backlog) => backlog.carry(limits));
  return continueAsNew<typeof mailbox>(
    left.flatMap((each) => each.waiting),
    left.flatMap((each) => each.unkept),
    [...done].slice(0, MOST_UNCONFIRMED),
  );
}

/** All of it: after a change of a subscription, what still waits is handed over as it was meant. */
function keyOf({ name, host, handler, onlyLatest = false }: Receiver): string {
  return [name, host, handler, onlyLatest].join('/');
}

/** Takes what every receiver has out of the outboxes, many at once: nobody waits for it, unless it is urgent. */
async function confirmAll(confirming: { readonly ids: Set<string>; isUrgent: boolean }): Promise<never> {
  const { ids } = confirming;
  const isDue = () => ids.size >= CONFIRMED_AT_ONCE || confirming.isUrgent;
  for (;;) {
    await condition(() => ids.size > 0);
    await condition(isDue, CONFIRM_AFTER, CONFIRM_TIMER);
    await condition(() => !isHistoryLong());
    confirming.isUrgent = false;
    const batch = [...ids].slice(0, CONFIRMED_AT_ONCE);
    try {
      await removeFromOutboxes(batch);
      for (const id of batch) ids.delete(id);
    } catch {
      await sleep(CONFIRM_AFTER, CONFIRM_TIMER); // a service is down
    }
  }
}

/** Takes announcements out of the outboxes, whichever they are in. Waits for a service that is down. */
async function removeFromOutboxes(announcementIds: readonly string[]): Promise<void> {
  await Promise.all([
    orders(settling)['orders.confirmPublished'](announcementIds),
    inventory(settling)['inventory.confirmPublished'](announcementIds),
  ]);
}

function detailsOf(backlogs: readonly Backlog[]): string {
  const handling = backlogs.reduce((sum, { handlingCount }) => sum + handlingCount, 0);
  const unkept = backlogs.reduce((sum, { unkeptCount }) => sum + unkeptCount, 0);
  const views = backlogs.flatMap((backlog) => backlog.views());
  return waitingDetails(handling, views, unkept);
}

function isHistoryLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength > LONG_HISTORY;
}

// Short enough that a worker that has to replay it is back at once, and far below the 10,000 signals that Temporal takes.
const LONG_HISTORY = 2_000;
// An answer of Temporal's takes 2 MB.
const MOST_SHOWN = 1_000;
const CONFIRMED_AT_ONCE = 100;
// Much shorter than what a sweep takes for left behind. Milliseconds.
const CONFIRM_AFTER = 30_000;
const CONFIRM_TIMER = { summary: 'Until outboxes are told what every receiver has' };
// Those beyond are found by a sweep.
const MOST_UNCONFIRMED = 500;
