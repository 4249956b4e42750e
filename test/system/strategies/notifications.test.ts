import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAllEvents } from '../../../client/events.ts';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import type { Notification, NotificationDocument } from '../../../examples/notifications.ts';
import { notificationsTo } from '../../../examples/notifications.ts';
import { listWaiting } from '../../../platform/visibility/stuck-steps.ts';
import { receiversOf, type Subscription, subscriptions } from '../../../workers/subscriptions.ts';
import { messageSignal } from '../../../workflows/order/messages.ts';
import { checkConsistency, type IdentifiedOrder } from '../../support/consistency.ts';
import { createGate } from '../../support/gate.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { expectCloudEvent } from './cloud-events.ts';

let platform: Platform;
let table: readonly Subscription[];

/** A provider that takes every notification down, and may lose its answer. */
const provider = {
  calls: [] as Notification[],
  failures: new Set<string>(),
  gate: undefined as Promise<void> | undefined,
};

beforeAll(async () => {
  const row = notificationsTo(async (notification) => {
    provider.calls.push(notification);
    await provider.gate;
    if (provider.failures.delete(notification.orderId)) throw new Error('the answer was lost');
  });
  table = [...subscriptions, row];
  platform = await startPlatform(undefined, table);
});

afterAll(() => platform[Symbol.asyncDispose]());

const place = (order: IdentifiedOrder) => platform.concord.place(order, { strategy: 'event-driven' });
const recorded = () =>
  platform.databases.orders.collection<NotificationDocument>('notifications').find().toArray();
const callsFor = (orderId: string) => provider.calls.filter((call) => call.orderId === orderId);
/** How far the subscriber is with each event of an order that is for it. */
async function statesOf(orderId: string) {
  const events = await platform.concord.events({ orderId });
  const deliveries = events.flatMap((event) => event.deliveries);
  return deliveries.filter(({ subscriber }) => subscriber === 'notifications').map(({ state }) => state);
}

async function settled() {
  await expect.poll(() => listWaiting(platform.concord.client)).toEqual([]);
}

describe('many orders at once, of every outcome', () => {
  const sku = 'NOTIFIED';
  const orders = Array.from({ length: 30 }, (_, index) => ({
    orderId: `notified-${index}`,
    customerId: `customer-${index}`,
    lines: [{ sku: index % 6 === 5 ? 'UNHEARD-OF' : sku, quantity: 1 }],
  }));
  const isCancelled = (index: number) => index % 6 === 4;

  test('each customer is told once, of what is on record, also while workers come and go', async () => {
    const { concord } = platform;
    await concord.restock(sku, 20);
    // Nothing is decided before some have cancelled.
    await platform.stop('inventory');
    const placing = orders.map(place);
    await expect.poll(() => platform.orders.countDocuments({ _id: /^notified-/ })).toBe(orders.length);
    for (const { orderId } of orders.filter((_, index) => isCancelled(index))) await concord.cancel(orderId);
    const cancelled = orders.filter((_, index) => isCancelled(index)).length;
    await expect.poll(() => provider.calls.length).toBe(cancelled);
    const gate = createGate();
    provider.gate = gate.opened;
    await platform.start('inventory');
    await expect.poll(() => provider.calls.length).toBeGreaterThan(cancelled);
    // A worker that is stopped while it sends finishes that first, and the others are told by the next one.
    const stopped = platform.stop('orders');
    gate.open();
    await stopped;
    await platform.start('orders');

    const told = await Promise.all(placing);
    await settled();
    await checkConsistency(platform, orders, told);
    const outcomes = new Set(told.map(({ status }) => status));
    expect([...outcomes].sort()).toEqual(['cancelled', 'confirmed', 'rejected']);
    const sent = new Map((await recorded()).map((document) => [document.orderId, document]));
    for (const { orderId, customerId } of orders) {
      const { status, reason } = (await platform.orders.findOne({ _id: orderId })) ?? {};
      const message = reason === undefined ? {} : { message: reason.message };
      expect(callsFor(orderId), orderId).toEqual([
        { id: expect.stringContaining(`${orderId}/Order`), orderId, customerId, status, ...message },
      ]);
      expect(sent.get(orderId), orderId).toMatchObject({ customerId, status, ...message });
    }
  }, 180_000);

  test('an event that is delivered again changes nothing', async () => {
    const { client } = platform.concord;
    const before = { calls: [...provider.calls], recorded: await recorded() };
    const made = (await findAllEvents(client)).filter(({ deliveries }) =>
      deliveries.some(({ subscriber }) => subscriber === 'notifications'),
    );
    expect(made).toHaveLength(orders.length);
    await Promise.all(
      made.map(({ event: announcement }) => {
        const to = receiversOf(table, announcement.type);
        const mailbox = client.workflow.getHandle(mailboxIdOf(announcement.data.order));
        return mailbox.signal(messageSignal, { announcement, to });
      }),
    );
    await settled();
    expect({ calls: provider.calls, recorded: await recorded() }).toEqual(before);
  });

  test('every event is a CloudEvent, and no two have the same source and id', async () => {
    const events = (await findAllEvents(platform.concord.client)).map(({ event }) => event);
    for (const event of events) expectCloudEvent(event);
    const identities = new Set(events.map(({ source, id }) => `${source} ${id}`));
    expect(identities.size).toBe(events.length);
    const types = new Set(events.map(({ type }) => type));
    expect([...types].sort()).toEqual([
      ...['OrderCancelled', 'OrderConfirmed', 'OrderPlaced', 'OrderRejected'],
      ...['StockRejected', 'StockReleased', 'StockReserved', 'StockSold'],
    ]);
  });
});

test('where the answer of the provider is lost, it is asked again with the same id', async () => {
  const orderId = 'asked-again';
  provider.failures.add(orderId);
  await platform.concord.restock('PLENTY', 1);
  await place({ orderId, customerId: 'customer', lines: [{ sku: 'PLENTY', quantity: 1 }] });
  await expect.poll(() => statesOf(orderId)).toEqual(['delivered']);
  const once = { id: `${orderId}/OrderConfirmed`, orderId, customerId: 'customer', status: 'confirmed' };
  expect(callsFor(orderId)).toEqual([once, once]);
  expect((await recorded()).filter((document) => document.orderId === orderId)).toHaveLength(1);
});

test('orders of the other strategies publish nothing', async () => {
  await platform.concord.restock('QUIET', 2);
  for (const strategy of ['two-phase', 'message-queue'] as const) {
    const orderId = `quiet-${strategy}`;
    const lines = [{ sku: 'QUIET', quantity: 1 }];
    await platform.concord.place({ orderId, customerId: 'customer', lines }, { strategy });
    expect(callsFor(orderId)).toEqual([]);
    expect(await platform.concord.events({ orderId })).toEqual([]);
  }
});
