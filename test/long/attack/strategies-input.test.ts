import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import fc from 'fast-check';
import pMap from 'p-map';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mailboxIdOf, relayIdOf } from '../../../domain/addresses.ts';
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
  SEED,
  sample,
} from '../../system/attack/hostile.ts';

// Services reach each other by signals and workflows, which whoever reaches Temporal can send and start as well.

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
const relayIds = [relayIdOf('orders'), relayIdOf('inventory')];
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

async function endingOf(workflowId: string): Promise<string> {
  return handleOf(workflowId)
    .result()
    .then(
      () => 'done',
      (error: unknown) => {
        if (!(error instanceof WorkflowFailedError)) throw error;
        const { cause } = error;
        return cause instanceof ApplicationFailure ? `${cause.type}` : `${cause?.name}`;
      },
    );
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

function shown(value: unknown): string {
  return `seed ${SEED}: ${inspect(value, { depth: 5, maxStringLength: 100, maxArrayLength: 5 }).slice(0, 500)}`;
}

const AT_ONCE = { concurrency: 8 };

describe('signals', () => {
  test('to a mailbox: what is no message for the inventory is dropped, and nothing is written', async () => {
    await expectServed();
    const before = await everything(platform);
    const mailbox = handleOf(mailboxId);
    const messages = [
      ...damagedAnnouncements('ReserveStock'),
      ...damagedAnnouncements('ReleaseStock'),
      ...(['StockSold', 'StockReserved', 'StockReleased'] as const).map((type) => announcement(type)),
    ];
    await pMap(messages, (message) => mailbox.signal('message', message), AT_ONCE);
    await pMap(hostileTexts, (text) => mailbox.signal('tryNow', text), AT_ONCE);
    await expectServed();
    expect(await mailbox.query('waiting')).toEqual([]);
    expect(await everything(platform)).toEqual(before);
  });

  test('to a relay: what is no order id is dropped, and an id that nobody knows does nothing', async () => {
    await expectServed();
    const before = await everything(platform);
    const ids = [...hostileValues, ...sample(hostileJson(isIdentifier), 30), 'unheard-of', '__proto__'];
    for (const relay of relayIds.map(handleOf)) {
      await pMap(ids, (id) => relay.signal('wake', id), AT_ONCE);
      await pMap(ids, (id) => relay.signal('tryNow', id), AT_ONCE);
    }
    await expectServed();
    for (const relay of relayIds.map(handleOf)) {
      await expect.poll(() => relay.query('waiting')).toEqual([]);
    }
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
  test('deliverEvent: whatever is no delivery is refused', async () => {
    const before = await everything(platform);
    const event = announcement('OrderPlaced');
    const [subscriber, handler] = ['inventory', 'inventory.onOrderPlaced'];
    const inputs = [
      ...sample(hostileJson(none), 30),
      ...damagedAnnouncements('OrderPlaced').map((value) => ({ event: value, subscriber, handler })),
      ...sample(hostileJson(isIdentifier), 30).map((hostile) => ({ event, subscriber: hostile, handler })),
      ...sample(hostileJson(isIdentifier), 30).map((hostile) => ({ event, subscriber, handler: hostile })),
    ];
    await pMap(
      inputs,
      async (input) => {
        const workflowId = await start('deliverEvent', 'inventory', [input]);
        expect(await endingOf(workflowId), shown(input)).toBe('InvalidInput');
      },
      AT_ONCE,
    );
    expect(await everything(platform)).toEqual(before);
  });

  test('deliverEvent: a subscriber that nobody hosts hurts nobody', async () => {
    const before = await everything(platform);
    const names = ['nobody', 'constructor'];
    const workflowIds = await Promise.all(
      names.map((subscriber) =>
        start('deliverEvent', 'inventory', [
          { event: announcement('OrderPlaced'), subscriber, handler: `${subscriber}.onOrderPlaced` },
        ]),
      ),
    );
    await expectServed();
    await Promise.all(workflowIds.map((workflowId) => handleOf(workflowId).terminate()));
    expect(await everything(platform)).toEqual(before);
  });

  test('deliverEvent: a memo that is no event, or unreadable, is not shown as one', async () => {
    const shownIds = async () => (await platform.concord.events({ limit: 1_000 })).map(({ id }) => id);
    const before = await shownIds();
    const event = announcement('OrderPlaced');
    const unreadable = { metadata: { encoding: Buffer.from('binary/unheard-of') }, data: Buffer.from('{}') };
    const memos = [
      ...[unreadable, { ...unreadable, metadata: {} }],
      ...sample(hostileJson(none), 20).map(payloadOf),
      ...damagedAnnouncements('OrderPlaced').slice(0, 40).map(payloadOf),
    ];
    const workflowIds = [
      ...(await pMap(
        memos,
        (memo, index) =>
          start('deliverEvent', 'inventory', [{}], {
            workflowId: `event/memo-${index}/OrderPlaced/nobody`,
            memo: { event: memo },
          }),
        AT_ONCE,
      )),
      await start('deliverEvent', 'inventory', [{}], {
        workflowId: 'event/another/OrderPlaced/nobody',
        memo: { event: payloadOf(event) },
      }),
    ];
    await expectServed();
    const after = await shownIds();
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.slice(before.length).filter((id) => !id.startsWith('honest-'))).toEqual([]);
    const stuck = await platform.concord.stuck({ failures: 0, longerThan: 0 });
    expect(
      stuck.map(({ orderId }) => orderId),
      'those that can be read',
    ).toContain('another');
    // One whose memo the worker can't read never gets as far as being refused.
    await Promise.allSettled(workflowIds.map((workflowId) => handleOf(workflowId).terminate()));
  });

  const carried = [
    ...[null, 'text', {}, [null], [{}]],
    [{ ...waiting(damaged('lines', [])), orderId: { $ne: null } }],
    [waiting(damaged('lines', [])), waiting(announcement('ReserveStock', damaged('lines', [])))],
    [{ ...waiting(announcement('StockSold')), retryAt: 'never', failures: -1 }],
    // As the orders whose messages were not kept.
    JSON.parse('{"__proto__":["nobody"],"SellStock":["nobody","another"],"toString":["one"]}'),
  ];

  test('a mailbox that begins with anything at all takes messages', async () => {
    const before = await everything(platform);
    for (const value of carried) {
      await handleOf(mailboxId).terminate();
      await start('mailbox', 'orders', [value, value], { workflowId: mailboxId, limit: 3_600_000 });
      await expectServed();
    }
    expect(await everything(platform)).toEqual(before);
  }, 180_000);

  test.each(['orders', 'inventory'] as const)(
    'a relay of the %s that begins with anything at all publishes',
    async (service) => {
      await expectServed();
      const before = await everything(platform);
      const workflowId = relayIdOf(service);
      const others = [[], [null], ['another'], ['__proto__'], [{ $ne: null }]];
      for (const args of [...others, ...carried.map((value) => [service, value, value])]) {
        // The one before was refused, and so has ended, or is a good one.
        await handleOf(workflowId)
          .terminate()
          .catch(() => {});
        await start('relay', service, args, { workflowId, limit: 3_600_000 });
        await expectServed();
      }
      expect(await everything(platform)).toEqual(before);
    },
    180_000,
  );
});

/** What a mailbox or a relay hands over to its next run. */
function waiting(item: unknown) {
  return { orderId: 'damaged', item, type: 'outbox', since: 0, failures: 0, lastError: '', retryAt: 0 };
}
