import pMap from 'p-map';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mailboxIdOf, relayIdOf } from '../../../domain/addresses.ts';
import { type Announcement, announcementOfOrders } from '../../../domain/announcements.ts';
import { messageSignal, waitingQuery, wakeSignal } from '../../../workflows/order/messages.ts';
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

test('what a mailbox could not carry along is said again at once, and forgotten where nobody is there', async () => {
  const { concord } = platform;
  const { workflow } = concord.client;
  await platform.stop('inventory');
  const order = { orderId: 'unkept', customerId: 'c', lines };
  await concord.place(order, { strategy: 'message-queue', wait: 'accepted' });
  const mailbox = workflow.getHandle(mailboxIdOf(order));
  const waiting = async () => (await mailbox.query(waitingQuery)).map(({ orderId }) => orderId);
  await expect.poll(waiting).toEqual(['unkept']);
  await mailbox.terminate();
  await workflow.start('mailbox', {
    workflowId: mailbox.workflowId,
    taskQueue: 'orders',
    args: [[], { ReserveStock: ['nobody', 'unkept'] }],
  });
  await platform.start('inventory');
  expect(await concord.place(order, { strategy: 'message-queue' })).toMatchObject({ status: 'confirmed' });
  const { events } = await workflow.getHandle('order/unkept').fetchHistory();
  const fired = events?.filter(({ timerFiredEventAttributes }) => timerFiredEventAttributes);
  expect(fired, 'it has not waited until it says it again by itself').toEqual([]);
  await expect.poll(waiting).toEqual([]);
});

test.each([
  ['mailbox', mailboxIdOf(requestOf('any', lines).order), 'message-queue'],
  ['relay', relayIdOf('orders'), 'event-driven'],
] as const)(
  'a %s goes on in a new run when its history is long, and loses nothing',
  async (type, workflowId, strategy) => {
    const { concord } = platform;
    const { workflow } = concord.client;
    const order = (name: string) => ({
      orderId: `${type}-${name}`,
      customerId: 'c',
      lines: [{ sku: 'SKU', quantity: 1 }],
    });
    expect(await concord.place(order('first'), { strategy })).toMatchObject({ status: 'confirmed' });
    const handle = workflow.getHandle(workflowId);
    const { runId } = await handle.describe();
    // What is dropped makes a history longer, too.
    const signal = type === 'mailbox' ? messageSignal : wakeSignal;
    await pMap(Array.from({ length: 2_000 }), () => handle.signal(signal as typeof wakeSignal, ' '), {
      concurrency: 50,
    });
    const placed = await pMap(
      Array.from({ length: 20 }),
      (_, index) => concord.place(order(String(index)), { strategy }),
      {
        concurrency: 20,
      },
    );
    expect(new Set(placed.map(({ status }) => status))).toEqual(new Set(['confirmed']));
    await expect.poll(async () => (await handle.describe()).runId).not.toBe(runId);
  },
);

async function send(message: Announcement | undefined): Promise<void> {
  if (message === undefined) throw new Error('two-phase has no messages');
  await platform.concord.client.workflow.signalWithStart('mailbox', {
    workflowId: mailboxIdOf(message.data.order),
    taskQueue: 'orders',
    signal: messageSignal,
    signalArgs: [message],
  });
}
