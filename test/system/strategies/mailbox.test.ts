import pMap from 'p-map';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { type Announcement, announcementOfOrders } from '../../../domain/announcements.ts';
import { receiversOf, subscriptions } from '../../../workers/subscriptions.ts';
import {
  lackingQuery,
  messageSignal,
  tryNowSignal,
  waitingQuery,
} from '../../../workflows/order/messages.ts';
import { checkedStock } from '../../support/inventory.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { requestOf, rollbackOf } from '../../support/requests.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  for (const sku of ['SKU', 'LATE']) await platform.concord.restock(sku, 100);
});

afterAll(() => platform[Symbol.asyncDispose]());

const lines = [{ sku: 'SKU', quantity: 1 }];
const lateLines = [{ sku: 'LATE', quantity: 1 }];

test('a late copy of a request never takes the place of the message that ended it', async () => {
  const { concord } = platform;
  await platform.stop('inventory');
  const requests = Array.from({ length: 40 }, (_, index) =>
    requestOf(`late-${index}`, lateLines, 'run', 'message-queue'),
  );
  for (const request of requests) await send(announcementOfOrders('rollback', rollbackOf(request)));
  for (const request of requests) await send(announcementOfOrders('prepare', request));
  await platform.start('inventory');
  await expect.poll(() => platform.inventory.reservations.countDocuments()).toBe(requests.length);
  const mailbox = concord.client.workflow.getHandle(mailboxIdOf(requestOf('any', lateLines).order));
  await expect.poll(() => mailbox.query(waitingQuery)).toEqual([]);
  expect(await platform.inventory.reservations.countDocuments({ decision: 'rollback' })).toBe(
    requests.length,
  );
  const late = (await checkedStock(platform.inventory)).find(({ _id }) => _id === 'LATE');
  expect(late).toMatchObject({ available: 100, reserved: 0 });
});

describe.each(['message-queue', 'event-driven'] as const)('%s', (strategy) => {
  const placing = strategy === 'message-queue' ? 'ReserveStock' : 'OrderPlaced';
  const orderNamed = (name: string) => ({ orderId: `${strategy}-${name}`, customerId: 'c', lines });

  test('what a mailbox could not carry along is read in the outbox at once, and forgotten where it is gone', async () => {
    const { concord } = platform;
    const { workflow } = concord.client;
    await platform.stop('inventory');
    const order = orderNamed('unkept');
    await concord.place(order, { strategy, wait: 'accepted' });
    const mailbox = workflow.getHandle(mailboxIdOf(order));
    const waiting = async () => (await mailbox.query(waitingQuery)).map(({ orderId }) => orderId);
    await expect.poll(waiting).toEqual([order.orderId]);
    await mailbox.terminate();
    const [receiver] = receiversOf(subscriptions, placing);
    await workflow.start('mailbox', {
      workflowId: mailbox.workflowId,
      taskQueue: 'orders',
      args: [[], [{ receiver, orderIds: ['nobody', order.orderId] }], []],
    });
    await platform.start('inventory');
    expect(await concord.place(order, { strategy })).toMatchObject({ status: 'confirmed' });
    const { events } = await workflow.getHandle(`order/${order.orderId}`).fetchHistory();
    const fired = events?.filter(({ timerFiredEventAttributes }) => timerFiredEventAttributes);
    expect(fired, 'it has not waited until it says it again by itself').toEqual([]);
    await expect.poll(waiting).toEqual([]);
  });

  test('a mailbox goes on in a new run when its history is long, and loses nothing', async () => {
    const { concord } = platform;
    const { workflow } = concord.client;
    expect(await concord.place(orderNamed('first'), { strategy })).toMatchObject({ status: 'confirmed' });
    const handle = workflow.getHandle(mailboxIdOf(orderNamed('first')));
    const { runId } = await handle.describe();
    // What is dropped makes a history longer, too.
    const signals = Array.from({ length: 2_000 });
    await pMap(signals, () => handle.signal(tryNowSignal, ' '), { concurrency: 50 });
    const names = Array.from({ length: 20 }, (_, index) => String(index));
    const placed = await pMap(names, (name) => concord.place(orderNamed(name), { strategy }), {
      concurrency: 20,
    });
    expect(new Set(placed.map(({ status }) => status))).toEqual(new Set(['confirmed']));
    await expect.poll(async () => (await handle.describe()).runId).not.toBe(runId);
  });

  test('an outbox is empty once every receiver has all of it, and not before', async () => {
    const { concord, orders, inventory } = platform;
    const order = orderNamed('confirmed');
    await platform.stop('inventory');
    await concord.place(order, { strategy, wait: 'accepted' });
    const mailbox = concord.client.workflow.getHandle(mailboxIdOf(order));
    const id = `${order.orderId}/${placing}`;
    await expect
      .poll(() => mailbox.query(lackingQuery, [id, 'nobody/OrderPlaced']))
      .toEqual(['nobody/OrderPlaced']);
    await mailbox.signal(tryNowSignal, order.orderId);
    const typesIn = (document: { outbox?: Announcement[] } | null) =>
      (document?.outbox ?? []).map(({ type }) => type);
    expect(typesIn(await orders.findOne({ _id: order.orderId }))).toEqual([placing]);
    await platform.start('inventory');
    await concord.place(order, { strategy, wait: 'final' });
    await mailbox.signal(tryNowSignal, order.orderId);
    await expect.poll(async () => typesIn(await orders.findOne({ _id: order.orderId }))).toEqual([]);
    await expect
      .poll(async () => typesIn(await inventory.reservations.findOne({ _id: order.orderId })))
      .toEqual([]);
  });
});

async function send(announcement: Announcement | undefined): Promise<void> {
  if (announcement === undefined) throw new Error('two-phase has no messages');
  const to = receiversOf(subscriptions, announcement.type);
  await platform.concord.client.workflow.signalWithStart('mailbox', {
    workflowId: mailboxIdOf(announcement.data.order),
    taskQueue: 'orders',
    signal: messageSignal,
    signalArgs: [{ announcement, to }],
  });
}
