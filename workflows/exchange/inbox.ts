import { condition, scheduleActivity } from '@temporalio/workflow';
import type { Announcement } from '../../domain/announcements.ts';
import { type Envelope, parseEnvelope, parseHandled, type Receiver } from '../../domain/envelopes.ts';
import { inBatches, inventory, orders, settling } from '../contract/activities.ts';
import { causeOf, validOrNothing } from '../order/failures.ts';
import { Backlog } from './backlog.ts';

/** What a mailbox does for each of its inboxes. */
export interface Surroundings {
  /** True once the run is to end: nothing new is begun then. */
  isEnding(): boolean;
  /** Takes what a receiver has announced, as it came. */
  publish(envelope: unknown): void;
  /** Takes what was read in an outbox for one receiver, for all others that it is not kept for. */
  share(envelope: Envelope): void;
  /** Told of each announcement that its receiver needs no more. */
  onDone(announcementId: string): void;
  /** Told whenever something is, or was, handled. */
  onChange(): void;
}

/** The part of a mailbox that is for one receiver, which gets whatever waits in one batch, one after the other. */
export class Inbox {
  readonly backlog: Backlog;
  private readonly receiver: Receiver;
  private readonly surroundings: Surroundings;
  private handlingSince = Number.NEGATIVE_INFINITY;

  constructor(receiver: Receiver, surroundings: Surroundings) {
    this.receiver = receiver;
    this.surroundings = surroundings;
    this.backlog = new Backlog(receiver, surroundings.onDone);
    this.handleAll();
    this.readUnkept();
  }

  /** Returns false also for a batch that takes long: its receiver is down, and keeps nobody waiting. */
  isBusy(): boolean {
    return this.backlog.handlingCount > 0 && Date.now() - this.handlingSince < PATIENCE;
  }

  private async handleAll(): Promise<never> {
    for (;;) {
      await this.untilReady();
      const batch = this.backlog.take(BATCH);
      this.handlingSince = Date.now();
      this.surroundings.onChange();
      this.backlog.putBack(await this.handle(batch));
      this.surroundings.onChange();
    }
  }

  private async untilReady(): Promise<void> {
    const isReady = () => this.backlog.isReady() && !this.surroundings.isEnding();
    while (!isReady()) {
      const next = this.backlog.nextAt();
      if (next === Number.POSITIVE_INFINITY || this.surroundings.isEnding()) await condition(isReady);
      else await condition(isReady, Math.max(1, next - Date.now()), RETRY_TIMER);
    }
  }

  /** Returns why announcements of the batch have failed, by their ids. */
  private async handle(batch: readonly Announcement[]): Promise<ReadonlyMap<string, string>> {
    const { name, host, handler } = this.receiver;
    const [first] = batch;
    const what = batch.length === 1 ? `${first?.type} of ${first?.subject}` : `${batch.length} announcements`;
    try {
      const options = { ...inBatches, taskQueue: host, summary: `Hand ${what} to ${name}` };
      const { unhandled, published } = parseHandled(await scheduleActivity(handler, [batch], options));
      for (const envelope of published) this.surroundings.publish(envelope);
      return new Map(unhandled.map(({ id, error }) => [id, error]));
    } catch (error) {
      return this.backlog.allFailed(causeOf(error));
    }
  }

  /** Reads what the mailbox had no room for in the outboxes, where it still is. */
  private async readUnkept(): Promise<never> {
    for (;;) {
      await condition(() => this.backlog.hasRoomForUnkept() && !this.surroundings.isEnding());
      const orderIds = this.backlog.unkeptToRead();
      const found = await findInOutboxes(orderIds);
      const envelopes = found.flatMap((input) => validOrNothing(parseEnvelope, input) ?? []);
      const { handler } = this.receiver;
      const own = envelopes.filter(({ to }) => to.some((receiver) => receiver.handler === handler));
      // What nobody here has any more is done, so nobody may lack it: a mailbox can have been ended by hand.
      for (const envelope of own) this.surroundings.share(envelope);
      const announcements = own.map(({ announcement }) => announcement);
      this.backlog.addRead(orderIds, announcements);
    }
  }
}

/** Returns what is in the outboxes of these orders, in both services. */
async function findInOutboxes(orderIds: readonly string[]): Promise<readonly Envelope[]> {
  const found = await Promise.all([
    orders(settling)['orders.findAnnouncements'](orderIds),
    inventory(settling)['inventory.findAnnouncements'](orderIds),
  ]);
  return found.flat();
}

// As many as a receiver handles at the same time, so that the whole batch takes no longer than its slowest.
const BATCH = 25;
// How long a run that is to end waits for a batch: as long as an attempt takes. Milliseconds.
export const PATIENCE = 10_000;
const RETRY_TIMER = { summary: 'Until what has failed is tried again' };
