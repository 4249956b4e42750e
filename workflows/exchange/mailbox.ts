import {
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { z } from 'zod';
import { partsOf, type Source, sourceOf } from '../../domain/announcements.ts';
import { waitingDetails } from '../../domain/current-details.ts';
import { parseEnvelope, type Receiver } from '../../domain/envelopes.ts';
import { validOrNothing } from '../order/failures.ts';
import { lackingQuery, messageSignal, tryNowSignal, waitingQuery } from '../order/messages.ts';
import { CARRY_LIMITS, type Carried, carriedOver } from './backlog.ts';
import { Inbox, PATIENCE } from './inbox.ts';
import { outboxes, sources } from './outboxes.ts';

/**
 * Keeps what services announce until each receiver has handled it, also while one is down, which keeps none of the
 * others waiting. The more waits for a receiver, the less each announcement costs, in one batch. What a receiver
 * announces in turn comes back with the batch. When all receivers have an announcement, its outbox is told so.
 *
 * It runs on the order service's worker, and begins a new run before its history is long: so it takes in whatever comes,
 * however long a receiver is down. The arguments are what the run before this one left.
 *
 * @param waiting Announcements,
 * @param unkept the names of further ones,
 * @param unconfirmed and the ids of those that are done, and still in their outboxes.
 */
export async function mailbox(waiting?: unknown, unkept?: unknown, unconfirmed?: unknown): Promise<never> {
  const inboxes = new Map<string, Inbox>();
  const done = new Set(z.array(z.string()).catch([]).parse(unconfirmed));
  const all = () => [...inboxes.values()];
  const has = (id: string) => all().some(({ backlog }) => backlog.has(id));

  const surroundings = {
    isEnding: isHistoryLong,
    publish,
    onDone(id: string) {
      if (!has(id)) done.add(id);
    },
    onChange: () => setCurrentDetails(detailsOf(all())),
  };
  const add = (receiver: Receiver, carried: Carried): Inbox => {
    const inbox = new Inbox(receiver, carried, surroundings);
    inboxes.set(keyOf(receiver), inbox);
    return inbox;
  };
  const carried = carriedOver(waiting, unkept);
  for (const { receiver } of [...carried.waiting, ...carried.unkept]) {
    const isIts = (entry: { readonly receiver: Receiver }) => keyOf(entry.receiver) === keyOf(receiver);
    if (inboxes.has(keyOf(receiver))) continue;
    add(receiver, { waiting: carried.waiting.filter(isIts), unkept: carried.unkept.filter(isIts) });
  }

  setHandler(messageSignal, publish);
  setHandler(tryNowSignal, (orderId) => {
    for (const { backlog } of inboxes.values()) backlog.tryNow(orderId);
    confirming.isUrgent = true;
  });
  setHandler(waitingQuery, () => {
    const kept = all().flatMap(({ backlog }) => backlog.views());
    return [...kept, ...all().flatMap(({ backlog }) => backlog.unkeptViews())].slice(0, MOST_SHOWN);
  });
  setHandler(lackingQuery, (ids) => ids.filter((id) => !done.has(id) && !has(id)));
  const confirming = { done, isUrgent: false };
  confirmAll(confirming);

  await condition(isHistoryLong);
  await condition(() => !all().some((inbox) => inbox.isBusy()), PATIENCE);
  const limits = {
    items: CARRY_LIMITS.items / inboxes.size,
    ids: CARRY_LIMITS.ids / inboxes.size,
  };
  const left = all().map(({ backlog }) => backlog.carry(limits));
  return continueAsNew<typeof mailbox>(
    left.flatMap((each) => each.waiting),
    left.flatMap((each) => each.unkept),
    [...done].slice(0, MOST_UNCONFIRMED),
  );

  function publish(input: unknown): void {
    const envelope = validOrNothing(parseEnvelope, input, 'an announcement was dropped, because it is none');
    if (envelope === undefined) return;
    const { announcement, to } = envelope;
    for (const receiver of to) {
      const inbox = inboxes.get(keyOf(receiver)) ?? add(receiver, { waiting: [], unkept: [] });
      inbox.backlog.add(announcement);
    }
    if (to.length === 0) done.add(announcement.id);
  }
}

/** All of it: after a change of a subscription, what still waits is handed over as it was meant. */
function keyOf({ name, host, handler, onlyLatest = false }: Receiver): string {
  return [name, host, handler, onlyLatest].join('/');
}

/** Takes what is done out of the outboxes, many at once: nobody waits for it. */
async function confirmAll(confirming: { readonly done: Set<string>; isUrgent: boolean }): Promise<never> {
  const { done } = confirming;
  const isUrgent = () => done.size >= CONFIRMED_AT_ONCE || confirming.isUrgent;
  for (;;) {
    await condition(() => done.size > 0);
    await condition(isUrgent, CONFIRM_AFTER, CONFIRM_TIMER);
    await condition(() => !isHistoryLong());
    confirming.isUrgent = false;
    const confirmed = await Promise.all(sources.map((source) => confirm(source, done)));
    // A service that is down is asked again later.
    if (confirmed.includes(false)) await sleep(CONFIRM_AFTER, CONFIRM_TIMER);
  }
}

async function confirm(source: Source, done: Set<string>): Promise<boolean> {
  const ids = [...done].filter((id) => sourceOf(partsOf(id)[1]) === source).slice(0, CONFIRMED_AT_ONCE);
  if (ids.length === 0) return true;
  try {
    await outboxes[source].confirm(ids);
    for (const id of ids) done.delete(id);
    return true;
  } catch {
    return false;
  }
}

function detailsOf(inboxes: readonly Inbox[]): string {
  const backlogs = inboxes.map(({ backlog }) => backlog);
  const views = backlogs.flatMap((backlog) => backlog.views());
  const handling = backlogs.reduce((sum, { handlingCount }) => sum + handlingCount, 0);
  const unkept = backlogs.reduce((sum, { unkeptCount }) => sum + unkeptCount, 0);
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
