import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import pMap from 'p-map';
import { z } from 'zod';
import { signals } from '../domain/addresses.ts';
import { type Envelope, parseEnvelope, parseHandled, parseWaiting } from '../domain/envelopes.ts';
import { ConcordError } from '../domain/errors.ts';
import { type Run, timeOf } from '../platform/visibility/executions.ts';
import { messageOf } from '../platform/visibility/stuck-steps.ts';
import { firstValue } from './history.ts';

/** The mailbox has taken an event in, or over from the run before. ISO 8601, by Temporal's clock. */
export interface Published extends Envelope {
  readonly time: string;
}

/** A receiver's activity has handled a batch, apart from those that have an error. */
export interface Handled {
  readonly handler: string;
  /** The ids of the announcements. */
  readonly batch: readonly string[];
  readonly errors: ReadonlyMap<string, string>;
}

/** What a mailbox's history tells, in the order in which it happened. */
export type Fact = Published | Handled;

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** Reads the history of one run of a mailbox: it needs no worker, and disturbs nobody. */
export class MailboxReader {
  readonly run: Run;
  /** Why it can't be read, if it is encrypted with a key that is not here. */
  unreadable: unknown;
  private readonly client: Client;
  private lastEventId = 0;
  /** What is being handled, by the ids of the events that began it. */
  private readonly batches = new Map<string, Omit<Handled, 'errors'>>();

  constructor(client: Client, { workflowId, runId }: Run) {
    this.client = client;
    this.run = { workflowId, runId };
  }

  /** Returns what has come since it was last called. */
  async readOn(): Promise<Fact[]> {
    const events = await this.newEvents();
    this.lastEventId = Number(events.at(-1)?.eventId ?? this.lastEventId);
    return (await pMap(events, (event) => this.factsIn(event), { concurrency: 1 })).flat();
  }

  /** A history is long, and only its end is new, so it is read from there. */
  private async newEvents(): Promise<HistoryEvent[]> {
    const question = { namespace: this.client.options.namespace, execution: this.run };
    const found: HistoryEvent[] = [];
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const request = { ...question, nextPageToken };
      const page = await this.client.workflowService.getWorkflowExecutionHistoryReverse(request);
      const events = page.history?.events ?? [];
      const fresh = events.filter(({ eventId }) => Number(eventId) > this.lastEventId);
      found.push(...fresh);
      nextPageToken = fresh.length < events.length ? new Uint8Array() : page.nextPageToken;
    } while (nextPageToken.length > 0);
    return found.reverse();
  }

  private async factsIn(event: HistoryEvent): Promise<Fact[]> {
    try {
      return await this.read(event);
    } catch (error) {
      // Anyone may start a workflow and signal it: what can't be read is left out.
      if (error instanceof ConcordError && error.code === 'UnknownKey') this.unreadable = error;
      return [];
    }
  }

  private async read(event: HistoryEvent): Promise<Fact[]> {
    const time = timeOf(event.eventTime) ?? '';
    const started = event.workflowExecutionStartedEventAttributes;
    if (started) return carriedOver(await firstValue(this.client, started.input));
    const signal = event.workflowExecutionSignaledEventAttributes;
    if (signal?.signalName === signals.message)
      return publishedAt(time, [await firstValue(this.client, signal.input)]);
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const batch = batchSchema.parse(await firstValue(this.client, scheduled.input)).map(({ id }) => id);
      this.batches.set(String(event.eventId), { handler: scheduled.activityType?.name ?? '', batch });
      return [];
    }
    const completed = event.activityTaskCompletedEventAttributes;
    const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
    const begun = this.batches.get(String((completed ?? failed)?.scheduledEventId));
    if (completed) {
      const { unhandled, published } = parseHandled(await firstValue(this.client, completed.result));
      const errors = new Map(unhandled.map(({ id, error }) => [id, error]));
      return [...(begun ? [{ ...begun, errors }] : []), ...publishedAt(time, published)];
    }
    if (!failed || !begun) return [];
    const error = await messageOf(this.client, failed.failure);
    return [{ ...begun, errors: new Map(begun.batch.map((id) => [id, error])) }];
  }
}

// An activity that hands over nothing has another argument.
const batchSchema = z.array(z.object({ id: z.string() })).catch([]);

/** What still waited when the run before this one ended: read as the mailbox reads it, each by itself. */
function carriedOver(waiting: unknown): Published[] {
  const entries: unknown[] = Array.isArray(waiting) ? waiting : [];
  return entries.flatMap((input) =>
    publishedBy(() => {
      const { item: announcement, receiver, since } = parseWaiting(input);
      return { announcement, to: [receiver], time: new Date(since).toISOString() };
    }),
  );
}

function publishedAt(time: string, envelopes: readonly unknown[]): Published[] {
  return envelopes.flatMap((input) => publishedBy(() => ({ time, ...parseEnvelope(input) })));
}

/** Leaves out messages, and what the mailbox drops, too. */
function publishedBy(read: () => Published): Published[] {
  try {
    const published = read();
    return published.announcement.data.strategy === 'event-driven' ? [published] : [];
  } catch {
    return [];
  }
}
