import type { Client } from '@temporalio/client';
import { defaultDataConverter, type Payload } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
import { describe, expect, test } from 'vitest';
import { EventBook } from '../../../client/event-book.ts';
import { findEvents } from '../../../client/events.ts';
import { MailboxReader } from '../../../client/mailbox-reader.ts';
import type { Announcement, AnnouncementType } from '../../../domain/announcements.ts';
import type { Receiver } from '../../../domain/envelopes.ts';
import { ConcordError } from '../../../domain/errors.ts';
import type { Strategy } from '../../../domain/strategies.ts';

// What the history of a mailbox tells of events and their deliveries.

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

const inventory: Receiver = { name: 'inventory', host: 'inventory', handler: 'inventory.handleBatch' };
const orders: Receiver = { name: 'orders', host: 'orders', handler: 'orders.handleBatch' };
const mails: Receiver = { name: 'mails', host: 'orders', handler: 'mails.handleBatch' };

const placed = event('OrderPlaced');
const reserved = event('StockReserved', '/concord/inventory');
const cancelled = event('OrderCancelled');

test('what came by a signal and what a receiver has published, in order, each with who has taken it', async () => {
  const book = await bookOf([
    signal(1, { announcement: placed, to: [inventory] }),
    begun(2, inventory, [placed]),
    ended(3, 2, { unhandled: [], published: [{ announcement: reserved, to: [mails, orders] }] }),
    begun(4, mails, [reserved]),
  ]);
  expect(book.publications()).toMatchObject([
    { event: placed, publishedAt: timeAt(1), deliveries: [{ subscriber: 'inventory', state: 'delivered' }] },
    {
      ...{ event: reserved, publishedAt: timeAt(3) },
      deliveries: [
        { subscriber: 'mails', state: 'waiting' },
        { subscriber: 'orders', state: 'waiting' },
      ],
    },
  ]);
});

describe('one that fails', () => {
  const other = event('OrderPlaced', '/concord/orders', 'other');
  const failing = [
    signal(1, { announcement: placed, to: [inventory, mails] }),
    signal(2, { announcement: other, to: [inventory] }),
    begun(3, inventory, [placed, other]),
    ended(4, 3, { unhandled: [{ id: placed.id, error: 'its stock is damaged' }], published: [] }),
  ];

  test('waits with its error, and the others of its batch are delivered', async () => {
    const [first, second] = (await bookOf(failing)).publications();
    expect(first?.deliveries).toMatchObject([
      { subscriber: 'inventory', state: 'waiting', failures: 1, lastError: 'its stock is damaged' },
      { subscriber: 'mails', state: 'waiting', failures: 0 },
    ]);
    expect(second?.deliveries).toMatchObject([{ state: 'delivered' }]);
  });

  test('with its whole batch, which is tried again', async () => {
    const down = { message: 'the database is down' };
    const book = await bookOf([
      ...failing,
      begun(5, inventory, [placed]),
      {
        eventId: 6 as never,
        activityTaskFailedEventAttributes: { scheduledEventId: 5 as never, failure: down },
      },
    ]);
    expect(book.publications()[0]?.deliveries[0]).toMatchObject({ failures: 2, lastError: down.message });
    expect(book.publications()[1]?.deliveries[0]).toMatchObject({ state: 'delivered' });
  });

  test('is delivered once it succeeds', async () => {
    const book = await bookOf([...failing, begun(5, inventory, [placed]), ended(6, 5, NOTHING)]);
    expect(book.publications()[0]?.deliveries[0]).toMatchObject({ state: 'delivered' });
  });
});

test('a later event of the order that a subscriber handles first replaces the one that waits', async () => {
  const book = await bookOf([
    signal(1, { announcement: placed, to: [inventory, mails] }),
    signal(2, { announcement: cancelled, to: [inventory] }),
    // A late copy, which the mailbox drops.
    signal(3, { announcement: placed, to: [inventory, mails] }),
    begun(4, inventory, [cancelled]),
    ended(5, 4, NOTHING),
  ]);
  expect(book.publications().map(({ deliveries }) => deliveries.map(({ state }) => state))).toEqual([
    ['replaced', 'waiting'],
    ['delivered'],
  ]);
});

test('an earlier event of the order that is handled leaves the later one waiting', async () => {
  const book = await bookOf([
    signal(1, { announcement: placed, to: [mails] }),
    begun(2, mails, [placed]),
    signal(3, { announcement: cancelled, to: [mails] }),
    ended(4, 2, NOTHING),
  ]);
  expect(book.publications().map(({ deliveries }) => deliveries.map(({ state }) => state))).toEqual([
    ['delivered'],
    ['waiting'],
  ]);
});

test('one that is published again stays delivered, and counts once', async () => {
  const taken = [signal(1, { announcement: placed, to: [inventory] }), begun(2, inventory, [placed])];
  const again = signal(4, { announcement: placed, to: [inventory] });
  const book = await bookOf([...taken, ended(3, 2, NOTHING), again]);
  expect(book.publications()).toMatchObject([
    { publishedAt: timeAt(1), deliveries: [{ state: 'delivered' }] },
  ]);
});

test('what waited when a run ended goes on in the next one', async () => {
  const since = Date.parse(timeAt(1));
  const waiting = [{ item: placed, receiver: inventory, since, failures: 0, lastError: '', retryAt: 0 }];
  const started = startedWith(waiting);
  const book = await bookOf([started, begun(2, inventory, [placed])]);
  expect(book.publications()).toMatchObject([{ publishedAt: timeAt(1), deliveries: [{ state: 'waiting' }] }]);
  book.enter(await readerOf([begun(2, inventory, [placed]), ended(3, 2, NOTHING)]).readOn());
  expect(book.publications()).toMatchObject([{ deliveries: [{ state: 'delivered' }] }]);
});

test('messages, signals for others, and what is no announcement are left out', async () => {
  const message = { ...placed, data: { ...placed.data, strategy: 'message-queue' } };
  const book = await bookOf([
    signal(1, { announcement: message, to: [inventory] }),
    signal(2, { announcement: { id: 'x' }, to: [inventory] }),
    signal(3, null),
    {
      eventId: 4 as never,
      workflowExecutionSignaledEventAttributes: { signalName: 'tryNow', input: payloadsOf('o') },
    },
    begun(5, inventory, null),
    ended(6, 5, 'nonsense'),
    ended(8, 7, NOTHING),
  ]);
  expect(book.publications()).toEqual([]);
});

describe('what is encrypted with a key that is not here', () => {
  const secret = new ConcordError('UnknownKey', { keyId: 'another' });
  const decode = async (payloads: Payload[]) => {
    if (payloads.some(({ data }) => Buffer.from(data ?? []).includes('secret'))) throw secret;
    return payloads;
  };
  const loadedDataConverter = { ...defaultDataConverter, payloadCodecs: [{ decode, encode: decode }] };
  const events = (history: readonly HistoryEvent[]) =>
    findEvents(serverOf(history, loadedDataConverter), { orderId: undefined, limit: 20 });
  const unreadable = signal(1, 'secret');

  test('is left out', async () => {
    const readable = signal(2, { announcement: placed, to: [inventory] });
    expect(await events([unreadable, readable])).toMatchObject([{ type: 'OrderPlaced' }]);
  });

  test('is an error if it is all there is', async () => {
    await expect(events([unreadable])).rejects.toBe(secret);
  });
});

describe('those of one order', () => {
  const sold = event('StockSold', '/concord/inventory');
  const first = [signal(1, { announcement: placed, to: [mails] }), begun(2, mails, [placed])];
  const second = [
    ...[begun(1, mails, [placed]), ended(2, 1, NOTHING)],
    signal(3, { announcement: sold, to: [mails] }),
  ];
  const third = [begun(1, mails, [sold]), ended(2, 1, NOTHING)];

  /** Of a server that lists the last run first. */
  const found = async (strategy: Strategy) => {
    const read: string[] = [];
    const server = serverOf([]);
    Object.assign(server.workflowService, {
      getWorkflowExecutionHistory: async () => ({
        history: { events: [startedWith({ order: placed.data.order, strategy })] },
      }),
      listWorkflowExecutions: async () => {
        const runs = ['fourth', 'third', 'second', 'first'];
        const executions = runs.map((runId) => ({ execution: { ...MAILBOX, runId }, startTime: msToTs(1) }));
        return { executions, nextPageToken: new Uint8Array() };
      },
      getWorkflowExecutionHistoryReverse: async ({ execution }: { execution: { runId: string } }) => {
        read.push(execution.runId);
        const histories: Record<string, HistoryEvent[]> = { first, second, third };
        const events = (histories[execution.runId] ?? []).toReversed();
        return { history: { events }, nextPageToken: new Uint8Array() };
      },
    });
    return { events: await findEvents(server, { orderId: 'order', limit: 20 }), read };
  };

  test('are read until the order is settled, and all of them are delivered', async () => {
    const { events, read } = await found('event-driven');
    expect(events.map(({ type, deliveries }) => [type, deliveries])).toEqual([
      ['OrderPlaced', [{ subscriber: 'mails', state: 'delivered' }]],
      ['StockSold', [{ subscriber: 'mails', state: 'delivered' }]],
    ]);
    expect(read).toEqual(['first', 'second', 'third']);
  });

  test('are not looked for if its strategy has none', async () => {
    expect(await found('message-queue')).toEqual({ events: [], read: [] });
  });
});

test('a reader goes on where it has ended, whatever the pages are', async () => {
  const history = [
    signal(1, { announcement: placed, to: [inventory] }),
    begun(2, inventory, [placed]),
    ended(3, 2, { unhandled: [], published: [{ announcement: reserved, to: [orders] }] }),
    begun(4, orders, [reserved]),
  ];
  const reader = readerOf(history);
  expect(await reader.readOn()).toHaveLength(3);
  expect(await reader.readOn()).toEqual([]);
  history.push(ended(5, 4, NOTHING));
  expect(await reader.readOn()).toEqual([
    { handler: orders.handler, batch: [reserved.id], errors: new Map() },
  ]);
});

test('a book forgets what nobody waits for any more, but for the newest orders', async () => {
  const eventOf = (index: number) => event('OrderPlaced', '/concord/orders', `order-${index}`);
  const book = await bookOf([
    ...[1, 2, 3, 4].map((index) => signal(index, { announcement: eventOf(index), to: [inventory] })),
    begun(5, inventory, [eventOf(1), eventOf(3), eventOf(4)]),
    ended(6, 5, NOTHING),
  ]);
  book.forgetSettled(1);
  expect(book.publications().map(({ event }) => event.subject)).toEqual(['order-2', 'order-4']);
});

test('a book of one order has no events of others', async () => {
  const book = new EventBook('other');
  book.enter(await readerOf([signal(1, { announcement: placed, to: [inventory] })]).readOn());
  expect(book.publications()).toEqual([]);
});

const NOTHING = { unhandled: [], published: [] };

function event(
  type: AnnouncementType,
  source: Announcement['source'] = '/concord/orders',
  orderId = 'order',
): Announcement {
  const order = { orderId, customerId: 'customer', lines: [{ sku: 'A', quantity: 1 }] };
  return {
    ...{ specversion: '1.0', id: `${orderId}/${type}`, source, type, subject: orderId },
    ...{ time: timeAt(0), datacontenttype: 'application/json' },
    data: { order, coordinatorId: 'run', placedAt: timeAt(0), strategy: 'event-driven' },
  };
}

/** The time of an event is its number. */
function timeAt(second: number): string {
  return new Date(second * 1_000).toISOString();
}

async function bookOf(history: readonly HistoryEvent[]): Promise<EventBook> {
  const book = new EventBook();
  book.enter(await readerOf(history).readOn());
  return book;
}

function readerOf(history: readonly HistoryEvent[]): MailboxReader {
  return new MailboxReader(serverOf(history), MAILBOX);
}

const MAILBOX = { workflowId: 'mailbox/0', runId: 'run' };

/** It has one mailbox, and returns two events a page. */
function serverOf(history: readonly HistoryEvent[], loadedDataConverter = defaultDataConverter): Client {
  const workflowService = {
    async listWorkflowExecutions() {
      const executions = [{ execution: MAILBOX, startTime: msToTs(1) }];
      return { executions, nextPageToken: new Uint8Array() };
    },
    async getWorkflowExecutionHistoryReverse({ nextPageToken: [from = 0] }: { nextPageToken: Uint8Array }) {
      const events = history.toReversed().slice(from, from + 2);
      const isLast = from + 2 >= history.length;
      return { history: { events }, nextPageToken: isLast ? new Uint8Array() : new Uint8Array([from + 2]) };
    },
    async describeWorkflowExecution() {
      return { pendingActivities: [] };
    },
  };
  return { options: { namespace: 'default', loadedDataConverter }, workflowService } as unknown as Client;
}

const signal = (eventId: number, envelope: unknown): HistoryEvent =>
  at(eventId, {
    workflowExecutionSignaledEventAttributes: { signalName: 'message', input: payloadsOf(envelope) },
  });

const startedWith = (input: unknown): HistoryEvent =>
  at(1, { workflowExecutionStartedEventAttributes: { input: payloadsOf(input) } });

const begun = (eventId: number, { handler }: Receiver, batch: unknown): HistoryEvent =>
  at(eventId, {
    activityTaskScheduledEventAttributes: { activityType: { name: handler }, input: payloadsOf(batch) },
  });

const ended = (eventId: number, scheduledEventId: number, result: unknown): HistoryEvent =>
  at(eventId, {
    activityTaskCompletedEventAttributes: {
      scheduledEventId: scheduledEventId as never,
      result: payloadsOf(result),
    },
  });

function at(eventId: number, attributes: HistoryEvent): HistoryEvent {
  return { eventId: eventId as never, eventTime: msToTs(eventId * 1_000), ...attributes };
}

function payloadsOf(value: unknown) {
  return { payloads: [defaultDataConverter.payloadConverter.toPayload(value)] } as never;
}
