import { randomUUID } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import fc from 'fast-check';
import pMap from 'p-map';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { type AnnouncementType, announcementTypes } from '../../../domain/announcements.ts';
import type { Strategy } from '../../../domain/strategies.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import {
  damaged,
  everything,
  expectAlive,
  fieldsOfOrder,
  fits,
  hostileJson,
  hostileTexts,
  hostileValues,
  isIdentifier,
  sample,
} from '../../system/attack/hostile.ts';

// Services reach each other by signals, which whoever reaches Temporal can send as well.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.concord.restock('HEALTHY', 1_000);
  await platform.concord.restock(SKU, 1_000);
});

afterAll(() => platform[Symbol.asyncDispose]());

afterEach(() => expectAlive(platform));

/** What honest customers leave is not looked at: see `everything`. */
const SKU = 'honest-sku';
const lines = [{ sku: SKU, quantity: 1 }];
const mailboxId = mailboxIdOf({ orderId: 'any', customerId: 'honest', lines });
const inventory = { name: 'inventory', host: 'inventory', handler: 'inventory.handle', onlyLatest: true };
const exchanging = ['message-queue', 'event-driven'] as const satisfies Strategy[];

function honestOrder() {
  return { orderId: `honest-${randomUUID()}`, customerId: 'honest', lines };
}

/** Everything that carries announcements works. */
async function expectServed(): Promise<void> {
  for (const strategy of exchanging) {
    expect(await platform.concord.place(honestOrder(), { strategy })).toMatchObject({ status: 'confirmed' });
  }
}

function handleOf(workflowId: string) {
  return platform.concord.client.workflow.getHandle(workflowId);
}

type Payload = { metadata: Record<string, Uint8Array>; data: Uint8Array };

/** Starts a workflow with the bare API. */
async function start(
  type: string,
  taskQueue: ServiceName,
  args: readonly unknown[],
  { workflowId = `attack/${randomUUID()}`, memo = {} as Record<string, Payload>, limit = 15_000 } = {},
): Promise<string> {
  await platform.concord.client.workflowService.startWorkflowExecution({
    namespace: platform.namespace,
    requestId: randomUUID(),
    workflowId,
    workflowType: { name: type },
    taskQueue: { name: taskQueue },
    input: { payloads: args.map(payloadOf) },
    memo: { fields: memo },
    // One that never ends by itself ends with another failure than a refusal.
    workflowExecutionTimeout: msToTs(limit),
  });
  return workflowId;
}

function payloadOf(value: unknown): Payload {
  return defaultPayloadConverter.toPayload(value) as Payload;
}

const none = () => false;

/** An announcement that says nothing wrong, of an order that nobody has placed. */
function announcement(type: AnnouncementType, order: unknown = damaged('customerId', 'customer')) {
  const isOrders = (announcementTypes['/concord/orders'] as readonly string[]).includes(type);
  return {
    specversion: '1.0',
    id: `damaged/${type}`,
    source: isOrders ? '/concord/orders' : '/concord/inventory',
    type,
    subject: 'damaged',
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    data: { order, coordinatorId: 'run-1', placedAt: '2026-01-01T00:00:00.000Z', strategy: 'message-queue' },
  };
}

/** What is no announcement, and announcements with something wrong in one place. */
function damagedAnnouncements(type: AnnouncementType): unknown[] {
  const valid = announcement(type);
  const isText = (value: unknown) => typeof value === 'string';
  const isName = (value: unknown) => isText(value) && value !== '' && String(value).length <= 100;
  const isFlag = (value: unknown) => typeof value === 'boolean';
  const damagedOnes = (names: readonly string[], isRight: (value: unknown) => boolean) =>
    names.flatMap((name) => sample(hostileJson(isRight), 4).map((value) => [name, value] as const));
  const orders = fieldsOfOrder.flatMap((field) =>
    hostileValues.filter((value) => !fits(field, value)).map((value) => damaged(field, value)),
  );
  const attributes = [
    ...damagedOnes(['specversion', 'source', 'type', 'datacontenttype', 'data', 'surplus'], none),
    ...damagedOnes(['id', 'subject', 'time'], isText),
  ];
  const data = [
    ...damagedOnes(['placedAt', 'strategy', 'status', 'reason', 'surplus'], none),
    ...damagedOnes(['coordinatorId'], isName),
    ...damagedOnes(['takesOver'], isFlag),
  ];
  return [
    ...sample(hostileJson(none), 20),
    ...attributes.map(([name, value]) => ({ ...valid, [name]: value })),
    ...data.map(([name, value]) => ({ ...valid, data: { ...valid.data, [name]: value } })),
    ...sample(fc.constantFrom(...orders), 30).map((order) => announcement(type, order)),
    JSON.parse(JSON.stringify(valid).replace('"data":{', '"data":{"__proto__":{"polluted":true},')),
  ];
}

const AT_ONCE = { concurrency: 8 };

describe('signals', () => {
  test('to a mailbox: what is no envelope is dropped, what nobody takes is nobody’s, and nothing is written', async () => {
    await expectServed();
    const before = await everything(platform);
    const mailbox = handleOf(mailboxId);
    const isFlag = (value: unknown) => typeof value === 'boolean';
    const valid = announcement('ReserveStock');
    const receivers = [
      ...sample(hostileJson(none), 20),
      ...(['name', 'host', 'handler'] as const).flatMap((field) =>
        sample(hostileJson(isIdentifier), 10).map((value) => ({ ...inventory, [field]: value })),
      ),
      ...sample(hostileJson(isFlag), 10).map((onlyLatest) => ({ ...inventory, onlyLatest })),
    ];
    const envelopes = [
      ...damagedAnnouncements('ReserveStock'),
      ...[...damagedAnnouncements('ReserveStock'), ...damagedAnnouncements('OrderPlaced')].map((each) => ({
        ...{ announcement: each, to: [inventory] },
      })),
      ...receivers.map((receiver) => ({ announcement: valid, to: [receiver] })),
      ...[inventory, 'inventory', Array.from({ length: 21 }, () => inventory)].map((to) => ({
        ...{ announcement: valid, to },
      })),
      ...(['StockSold', 'StockReserved', 'StockReleased'] as const).map((type) => ({
        ...{ announcement: announcement(type), to: [inventory] },
      })),
    ];
    await pMap(envelopes, (envelope) => mailbox.signal('message', envelope), AT_ONCE);
    await pMap(hostileTexts, (text) => mailbox.signal('tryNow', text), AT_ONCE);
    await expectServed();
    await expect.poll(() => mailbox.query('waiting')).toEqual([]);
    expect(await everything(platform)).toEqual(before);
  });

  test('to a mailbox: a receiver that nobody hosts, or whose activity does something else, hurts nobody', async () => {
    await expectServed();
    const before = await everything(platform);
    const hosts = [
      { ...inventory, name: 'nobody', host: 'nobody' },
      { ...inventory, name: 'constructor', handler: 'constructor' },
      { ...inventory, name: 'list', host: 'orders', handler: 'orders.listOrders' },
    ];
    const mailbox = handleOf(mailboxId);
    for (const to of hosts)
      await mailbox.signal('message', { announcement: announcement('ReserveStock'), to: [to] });
    await expectServed();
    const names = async () =>
      (await mailbox.query<{ receiver: string }[]>('waiting')).map((one) => one.receiver);
    await expect.poll(names).toEqual(['nobody', 'constructor', 'list']);
    await mailbox.terminate();
    await expectServed();
    expect(await everything(platform)).toEqual(before);
  });

  test.each(exchanging)(
    'to an order, %s: nothing malformed or of another order decides it',
    async (strategy) => {
      await platform.stop('inventory');
      const order = honestOrder();
      await platform.concord.place(order, { strategy, wait: 'accepted' });
      const handle = handleOf(`order/${order.orderId}`);
      const { runId: coordinatorId } = await handle.describe();
      const reply = (type: AnnouncementType, data: object) => {
        const valid = announcement(type, order);
        return { ...valid, data: { ...valid.data, coordinatorId, strategy, ...data } };
      };
      const isReason = (value: unknown) => value === undefined;
      const replies = [
        ...damagedAnnouncements('StockReserved'),
        ...damagedAnnouncements('StockRejected'),
        reply('StockReserved', { coordinatorId: 'another' }),
        reply('StockReserved', { order: { ...order, orderId: 'another' } }),
        reply('StockSold', { order: { ...order, orderId: 'another' } }),
        reply('StockRejected', {}),
      ];
      const { orderId } = order;
      const records = [
        ...sample(hostileJson(none), 30),
        ...sample(hostileJson(none), 30).map((status) => ({ orderId, status })),
        ...sample(hostileJson(isReason), 30).map((reason) => ({ orderId, status: 'rejected', reason })),
        { orderId, status: 'pending' },
        { orderId, status: 'confirmed', surplus: 1 },
        { orderId: 'another', status: 'confirmed' },
      ];
      await pMap(replies, (value) => handle.signal('reply', value), AT_ONCE);
      await pMap(records, (value) => handle.signal('recorded', value), AT_ONCE);
      const progress = await handle.query<{ phase: string; decision?: unknown }>('status');
      expect({ phase: progress.phase, decision: progress.decision }).toEqual({ phase: 'preparing' });

      await platform.start('inventory');
      expect(await handle.result()).toEqual({ orderId, status: 'confirmed' });
      expect(await platform.orders.findOne({ _id: orderId })).toMatchObject({ status: 'confirmed' });
    },
  );
});

describe('a workflow that is started with the bare API', () => {
  const carried = [
    ...[null, 'text', {}, [null], [{}]],
    [{ ...waiting(damaged('lines', [])), receiver: { $ne: null } }],
    [waiting(damaged('lines', [])), waiting(announcement('ReserveStock', damaged('lines', [])))],
    [{ ...waiting(announcement('StockSold')), retryAt: 'never', failures: -1 }],
    // As the orders whose announcements were not kept, and as the ids of those that are done.
    [{ receiver: inventory, orderIds: ['nobody', { $ne: null }] }],
    [{ receiver: inventory, orderIds: ['nobody', 'another'] }],
    ['nobody/SellStock', 'nobody', '', 'another/order/OrderPlaced', '__proto__'],
  ];

  test('a mailbox that begins with anything at all takes announcements', async () => {
    const before = await everything(platform);
    for (const value of carried) {
      await handleOf(mailboxId).terminate();
      await start('mailbox', 'orders', [value, value, value], { workflowId: mailboxId, limit: 3_600_000 });
      await handleOf(mailboxId).signal('tryNow', 'any');
      await expectServed();
    }
    expect(await everything(platform)).toEqual(before);
  }, 180_000);
});

/** What a mailbox hands over to its next run. */
function waiting(item: unknown) {
  return { receiver: inventory, item, since: 0, failures: 0, lastError: '', retryAt: 0 };
}
