import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOutboxes, createRelay } from '../../../activities/exchange/outbox.ts';
import type { Post } from '../../../activities/exchange/post.ts';
import { createInventoryService } from '../../../activities/inventory/announcing.ts';
import type { InventoryCollections } from '../../../activities/inventory/documents.ts';
import { createOrderService } from '../../../activities/orders/announcing.ts';
import { createOrders, type OrderDocument } from '../../../activities/orders/participant.ts';
import { type Announcement, announcementOfOrders } from '../../../domain/announcements.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { checkedStock, collectionsOf, stocked } from '../../support/inventory.ts';
import { answerOf, confirmedOf, requestOf, rollbackOf } from '../../support/requests.ts';

// What is told is told by the write that makes it true: both are there, or neither.

const announcing = ['message-queue', 'event-driven'] as const;
const lines = [{ sku: 'SKU', quantity: 2 }];

let testDatabase: TestDatabase;
let inventory: InventoryCollections;

beforeAll(async () => {
  testDatabase = await openDatabase();
  inventory = collectionsOf(testDatabase.database);
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const collection of await testDatabase.database.collections()) await collection.deleteMany({});
});

/** Keeps what it is handed, or refuses everything: Temporal is down. */
function recordingPost() {
  const handed: Announcement[] = [];
  const state = { isDown: false };
  const hand = async (announcement: Announcement) => {
    if (state.isDown) throw new Error('Temporal is down');
    handed.push(announcement);
  };
  const post: Post = {
    send: hand,
    publish: hand,
    wake: async () => {
      if (state.isDown) throw new Error('Temporal is down');
    },
    tell: async () => {},
  };
  return { post, handed, state };
}

function orderCollection() {
  return testDatabase.database.collection<OrderDocument>('orders');
}

async function outboxOf(collection: 'orders' | 'reservations', orderId: string): Promise<string[]> {
  const documents = testDatabase.database.collection<OrderDocument>(collection);
  const found = await documents.findOne({ _id: orderId });
  return (found?.outbox ?? []).map(({ type }) => type);
}

describe.each(announcing)('the outbox of the order service: %s', (strategy) => {
  const types = {
    'message-queue': { prepare: 'ReserveStock', commit: 'SellStock', rollback: 'ReleaseStock' },
    'event-driven': { prepare: 'OrderPlaced', commit: 'OrderConfirmed', rollback: 'OrderCancelled' },
  }[strategy];

  test.each(['commit', 'rollback'] as const)(
    'fills with each write up to %s, once, and in order',
    async (last) => {
      const orders = createOrders(orderCollection());
      const request = requestOf('order', lines, 'run', strategy);
      const settle = () => orders.decide(last === 'commit' ? confirmedOf(request) : rollbackOf(request));
      await orders.prepare(request);
      await orders.prepare(request);
      expect(await outboxOf('orders', 'order')).toEqual([types.prepare]);
      await settle();
      await settle();
      expect(await outboxOf('orders', 'order')).toEqual([types.prepare, types[last]]);
    },
  );

  test('of an order that is refused before it is placed tells of that', async () => {
    const orders = createOrders(orderCollection());
    await orders.decide(rollbackOf(requestOf('order', lines, 'run', strategy)));
    expect(await outboxOf('orders', 'order')).toEqual([types.rollback]);
  });

  test('keeps what could not be handed over, until it can', async () => {
    const { post, handed, state } = recordingPost();
    const outboxes = createOutboxes('orders', testDatabase.database.collection('orders'), post);
    const service = createOrderService(createOrders(orderCollection()), { outboxes, post });
    const request = requestOf('order', lines, 'run', strategy);
    state.isDown = true;
    await expect(service.prepare(request)).rejects.toThrow('Temporal is down');
    expect(await outboxOf('orders', 'order'), 'the order is placed all the same').toEqual([types.prepare]);
    expect(await outboxes.findFull(10)).toEqual(['order']);
    state.isDown = false;
    await service.prepare(request);
    // In event-driven the relay does the rest.
    if (strategy === 'event-driven') await outboxes.empty('order');
    expect(handed.map(({ type }) => type)).toEqual([types.prepare]);
    await service.decide(confirmedOf(request));
    if (strategy === 'event-driven') await outboxes.empty('order');
    expect(handed.map(({ type }) => type)).toEqual([types.prepare, types.commit]);
    expect(await outboxOf('orders', 'order')).toEqual([]);
    expect(await outboxes.findFull(10)).toEqual([]);
  });
});

test('a message that could not be handed over is still there when the step is repeated, and goes out then', async () => {
  const { post, handed, state } = recordingPost();
  const outboxes = createOutboxes('orders', testDatabase.database.collection('orders'), post);
  const service = createOrderService(createOrders(orderCollection()), { outboxes, post });
  const requests = Array.from({ length: 50 }, (_, index) =>
    requestOf(`order-${index}`, lines, 'run', 'message-queue'),
  );
  const settled = (index: number) => (index % 2 === 0 ? 'SellStock' : 'ReleaseStock');
  const settle = (index: number, request: (typeof requests)[number]) =>
    service.decide(index % 2 === 0 ? confirmedOf(request) : rollbackOf(request));
  await Promise.all(requests.map((request) => service.prepare(request)));
  state.isDown = true;
  const failed = await Promise.allSettled(requests.map((request, index) => settle(index, request)));
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(['rejected']));
  for (const index of requests.keys()) {
    expect(await outboxOf('orders', `order-${index}`)).toEqual(['ReserveStock', settled(index)]);
  }
  state.isDown = false;
  handed.length = 0;
  await Promise.all(requests.map((request, index) => settle(index, request)));
  const told = handed.map(({ id }) => id).sort();
  expect(told).toEqual(requests.map((_, index) => `order-${index}/${settled(index)}`).sort());
  expect(await outboxes.findFull(1_000)).toEqual([]);
});

test('a resolution that finds all settled tells of it once more, and leaves nothing in the outbox', async () => {
  const { post, handed } = recordingPost();
  const outboxes = createOutboxes('orders', testDatabase.database.collection('orders'), post);
  const orders = createOrders(orderCollection());
  const request = requestOf('order', lines, 'ended before it could tell', 'message-queue');
  await orders.prepare(request);
  await orders.decide(confirmedOf(request));
  const service = createOrderService(orders, { outboxes, post });
  await service.decide({ ...confirmedOf(request), coordinatorId: 'resolution', takesOver: true });
  expect(handed.map(({ type }) => type)).toEqual(['SellStock']);
  expect(await outboxOf('orders', 'order')).toEqual([]);
});

test('an order that another one of its id has been placed before keeps what that one has to tell', async () => {
  const { post } = recordingPost();
  const outboxes = createOutboxes('orders', testDatabase.database.collection('orders'), post);
  const service = createOrderService(createOrders(orderCollection()), { outboxes, post });
  await createOrders(orderCollection()).prepare(requestOf('order', lines, 'the first', 'message-queue'));
  const other = requestOf('order', [{ sku: 'OTHER', quantity: 1 }], 'the second', 'message-queue');
  await service.decide(rollbackOf(other));
  expect(await outboxOf('orders', 'order')).toEqual(['ReserveStock']);
});

test('a relay hands over what it finds by the way of its strategy: a message that went out as an event would be lost', async () => {
  const handed: string[] = [];
  const by = (way: string) => async (announcement: Announcement) => {
    handed.push(`${way} ${announcement.type}`);
  };
  const post = { ...recordingPost().post, send: by('sent'), publish: by('published') };
  const orders = createOrders(orderCollection());
  await orders.prepare(requestOf('by-messages', lines, 'run', 'message-queue'));
  await orders.prepare(requestOf('by-events', lines, 'run', 'event-driven'));
  const relay = createRelay(createOutboxes('orders', testDatabase.database.collection('orders'), post));
  const found = await relay.findUnpublished();
  expect(await relay.publish(found)).toEqual([]);
  expect(handed.sort()).toEqual(['published OrderPlaced', 'sent ReserveStock']);
  expect(await relay.findUnpublished()).toEqual([]);
});

test('two-phase leaves nothing in any outbox, for a coordinator tells', async () => {
  const request = requestOf('order', lines);
  const orders = createOrders(orderCollection());
  await orders.prepare(request);
  await orders.decide(confirmedOf(request));
  const stock = await stocked(inventory, { SKU: 1 });
  expect(await answerOf(stock.prepare(request))).toBe('OutOfStock');
  expect(await outboxOf('orders', 'order')).toEqual([]);
  expect(await outboxOf('reservations', 'order')).toEqual([]);
  expect(announcementOfOrders('prepare', request)).toBeUndefined();
});

describe.each(announcing)('the outbox of the inventory: %s', (strategy) => {
  const requestFor = (orderId: string, ordered = lines) => requestOf(orderId, ordered, 'run', strategy);

  test('a yes and its announcement are one write, however often it is asked', async () => {
    const stock = await stocked(inventory, { SKU: 10 });
    await stock.prepare(requestFor('order'));
    await stock.prepare(requestFor('order'));
    expect(await outboxOf('reservations', 'order')).toEqual(['StockReserved']);
    expect(await checkedStock(inventory)).toMatchObject([{ reserved: 2 }]);
  });

  test.each(['commit', 'rollback'] as const)('a %s answers the yes, and takes it out', async (step) => {
    const stock = await stocked(inventory, { SKU: 200 });
    const requests = Array.from({ length: 50 }, (_, index) => requestFor(`order-${index}`));
    await Promise.all(requests.map((request) => stock.prepare(request)));
    expect(await outboxOf('reservations', 'order-0')).toEqual(['StockReserved']);
    await Promise.all(
      requests.map((request) =>
        step === 'commit' ? stock.commit(request) : stock.rollback(rollbackOf(request)),
      ),
    );
    expect(await inventory.reservations.countDocuments({ outbox: { $exists: true } })).toBe(0);
  });

  test('a no is decided with its announcement: what was held of the other lines is free at once', async () => {
    const stock = await stocked(inventory, { A: 10, B: 1 });
    const ordered = [
      { sku: 'A', quantity: 2 },
      { sku: 'B', quantity: 2 },
    ];
    expect(await answerOf(stock.prepare(requestFor('order', ordered)))).toBe('OutOfStock');
    expect(await outboxOf('reservations', 'order')).toEqual(['StockRejected']);
    expect(await inventory.reservations.findOne({ _id: 'order' })).toMatchObject({
      decision: 'rollback',
      outbox: [{ data: { status: 'rejected', reason: { code: 'OutOfStock', details: { sku: 'B' } } } }],
    });
    expect(await checkedStock(inventory)).toMatchObject([{ available: 10 }, { available: 1 }]);
    await stock.receive({ receiptId: 'more', sku: 'B', quantity: 9 });
    expect(await answerOf(stock.prepare(requestFor('order', ordered))), 'a no is final').toBe('LateArrival');
    expect(await outboxOf('reservations', 'order')).toEqual(['StockRejected']);
  });

  test('100 orders at once, each asked twice: every one is answered, and as it stands in the stock', async () => {
    const { post, handed } = recordingPost();
    const outboxes = createOutboxes('inventory', testDatabase.database.collection('reservations'), post);
    const service = createInventoryService(await stocked(inventory, { SKU: 120 }), { outboxes, post });
    const messages = Array.from({ length: 100 }, (_, index) =>
      announcementOfOrders('prepare', requestFor(`order-${index}`)),
    ).filter((message) => message !== undefined);
    let left = [...messages, ...messages];
    while (left.length > 0) {
      const unhandled = new Set((await service.handleMessages(left)).map(({ id }) => id));
      left = messages.filter(({ id }) => unhandled.has(id));
    }
    const inOutboxes = await inventory.reservations.find({ 'outbox.0': { $exists: true } }).toArray();
    const answers = [...handed, ...inOutboxes.flatMap(({ outbox = [] }) => outbox)];
    const yes = new Set(answers.filter(({ type }) => type === 'StockReserved').map(({ subject }) => subject));
    const no = new Set(answers.filter(({ type }) => type === 'StockRejected').map(({ subject }) => subject));
    expect([yes.size, no.size]).toEqual([60, 40]);
    const [document] = await checkedStock(inventory);
    expect(new Set(document?.holds.map(({ orderId }) => orderId))).toEqual(yes);
  });

  test('an answer that no record of its own can keep is given directly', async () => {
    const { post, handed } = recordingPost();
    const outboxes = createOutboxes('inventory', testDatabase.database.collection('reservations'), post);
    const stock = await stocked(inventory, { SKU: 10 });
    const service = createInventoryService(stock, { outboxes, post });
    await stock.prepare(requestOf('order', [{ sku: 'SKU', quantity: 5 }], 'another'));
    const handle = async (step: 'prepare' | 'rollback') => {
      const request = requestFor('order');
      const message = announcementOfOrders(step, step === 'prepare' ? request : rollbackOf(request));
      expect(message && (await service.handleMessages([message]))).toEqual([]);
    };
    await handle('prepare');
    expect(handed).toMatchObject([{ type: 'StockRejected', data: { reason: { code: 'OrderIdTaken' } } }]);
    await handle('rollback');
    expect(handed.map(({ type }) => type)).toEqual(['StockRejected', 'StockReleased']);
    expect(await checkedStock(inventory), "the other order's hold").toMatchObject([{ reserved: 5 }]);
  });

  test.each([
    ['StockReserved', 10],
    ['StockRejected', 1],
  ])('who asks again after %s was handed over is answered again', async (answer, units) => {
    const { post, handed } = recordingPost();
    const outboxes = createOutboxes('inventory', testDatabase.database.collection('reservations'), post);
    const service = createInventoryService(await stocked(inventory, { SKU: units }), { outboxes, post });
    const message = announcementOfOrders('prepare', requestFor('order'));
    for (const time of [1, 2, 3]) {
      expect(message && (await service.handleMessages([message]))).toEqual([]);
      if (strategy === 'event-driven') await outboxes.empty('order'); // as the relay does
      expect(handed.map(({ type }) => type)).toEqual(Array.from({ length: time }, () => answer));
    }
    expect(await checkedStock(inventory)).toMatchObject([{ reserved: answer === 'StockReserved' ? 2 : 0 }]);
  });

  test('one message that can not be handled keeps none of its batch', async () => {
    const { post } = recordingPost();
    const outboxes = createOutboxes('inventory', testDatabase.database.collection('reservations'), post);
    const service = createInventoryService(await stocked(inventory, { SKU: 100, BROKEN: 1 }), {
      outboxes,
      post,
    });
    await testDatabase.database
      .collection<{ _id: string; available: unknown }>('stock')
      .updateOne({ _id: 'BROKEN' }, { $set: { available: 'many' } });
    const messages = Array.from({ length: 20 }, (_, index) =>
      announcementOfOrders(
        'prepare',
        requestFor(`order-${index}`, index === 7 ? [{ sku: 'BROKEN', quantity: 1 }] : lines),
      ),
    ).filter((message) => message !== undefined);
    const unhandled = await service.handleMessages(messages);
    expect(unhandled.map(({ id }) => id)).toEqual([messages[7]?.id]);
    const [, document] = await testDatabase.database.collection('stock').find().sort({ _id: 1 }).toArray();
    expect(document).toMatchObject({ reserved: 38 });
  });
});

test('a decision of the order service is the first one, whoever asks', async () => {
  const { post } = recordingPost();
  const outboxes = createOutboxes('orders', testDatabase.database.collection('orders'), post);
  const service = createOrderService(createOrders(orderCollection()), { outboxes, post });
  const requests = Array.from({ length: 60 }, (_, index) =>
    requestOf(`order-${index}`, lines, 'run', 'event-driven'),
  );
  await Promise.all(requests.map((request) => service.prepare(request)));
  const outcomes = await Promise.all(
    requests.map(async (request) => {
      const cancelled = { status: 'cancelled', reason: { code: 'Cancelled', message: 'no' } } as const;
      const answers = await Promise.all([
        service.decide({ ...request, status: 'confirmed' }),
        service.decide({ ...request, ...cancelled }),
        service.decide({ ...request, status: 'confirmed' }),
      ]);
      expect(new Set(answers.map(({ status }) => status)).size, request.order.orderId).toBe(1);
      return answers[0];
    }),
  );
  for (const { orderId, status } of outcomes) {
    expect(await orderCollection().findOne({ _id: orderId })).toMatchObject({ status });
    const last = status === 'confirmed' ? 'OrderConfirmed' : 'OrderCancelled';
    expect(await outboxOf('orders', orderId)).toEqual(['OrderPlaced', last]);
  }
});
