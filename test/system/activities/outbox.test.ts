import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOutboxes } from '../../../activities/exchange/outbox.ts';
import type { Post } from '../../../activities/exchange/post.ts';
import { createInventoryService } from '../../../activities/inventory/announcing.ts';
import type { InventoryCollections } from '../../../activities/inventory/documents.ts';
import { createInventory } from '../../../activities/inventory/participant.ts';
import { createOrderService } from '../../../activities/orders/announcing.ts';
import { createOrders, type OrderDocument } from '../../../activities/orders/participant.ts';
import {
  type Announcement,
  announcementOfInventory,
  announcementOfOrders,
} from '../../../domain/announcements.ts';
import type { ParticipantRequest } from '../../../domain/participant.ts';
import type { Skipped } from '../../../domain/sweeps.ts';
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
  const state = { isDown: false, isKept: (_announcement: Announcement) => false };
  const hand = async (announcement: Announcement) => {
    if (state.isDown) throw new Error('Temporal is down');
    handed.push(announcement);
  };
  const post: Post = {
    publish: hand,
    addressed: (announcement) => ({ announcement, to: [] }),
    reply: hand,
    tell: async () => {},
    lacking: async (announcements) => announcements.filter((each) => !state.isKept(each)),
  };
  return { post, handed, state };
}

type RecordingPost = ReturnType<typeof recordingPost>;

function ordersBy({ post }: RecordingPost, skipped: Skipped[] = []) {
  const report = (one: Skipped) => void skipped.push(one);
  const outboxes = createOutboxes(testDatabase.database.collection('orders'), { post, report });
  const orders = createOrders(orderCollection());
  return { orders, outboxes, service: createOrderService(orders, { outboxes, post }) };
}

async function inventoryBy({ post, handed }: RecordingPost, units: Record<string, number>) {
  const stock = await stocked(inventory, units);
  const dependencies = { post, report: unexpected };
  const { settleDecided } = createInventory(inventory);
  const outboxes = createOutboxes(
    testDatabase.database.collection('reservations'),
    dependencies,
    settleDecided,
  );
  const service = createInventoryService(stock, { outboxes, post });
  /** Hands them over as the mailbox does, and returns what must be tried again. */
  const handle = async (...announcements: (Announcement | undefined)[]) => {
    const batch = announcements.filter((each) => each !== undefined);
    const { unhandled, published } = await service.handle(batch);
    handed.push(...published.map(({ announcement }) => announcement));
    return unhandled;
  };
  return { stock, outboxes, handle };
}

function unexpected({ orderId, problem }: Skipped): never {
  throw new Error(`${orderId}: ${problem}`);
}

/** Makes what an outbox holds older than what is still on its way. */
async function growOld(collection: 'orders' | 'reservations', orderId: string): Promise<void> {
  const documents = testDatabase.database.collection<OrderDocument>(collection);
  const { outbox = [] } = (await documents.findOne({ _id: orderId })) ?? {};
  const time = new Date(Date.now() - 121_000).toISOString();
  await documents.updateOne(
    { _id: orderId },
    { $set: { outbox: outbox.map((each) => ({ ...each, time })) } },
  );
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

  test('keeps what could not be handed over, until it can and every receiver has it', async () => {
    const post = recordingPost();
    const { service, outboxes } = ordersBy(post);
    const request = requestOf('order', lines, 'run', strategy);
    post.state.isDown = true;
    await expect(service.prepare(request)).rejects.toThrow('Temporal is down');
    expect(await outboxOf('orders', 'order'), 'the order is placed all the same').toEqual([types.prepare]);
    post.state.isDown = false;
    await service.prepare(request);
    const handed = () => post.handed.splice(0).map(({ type }) => type);
    expect(handed()).toEqual([types.prepare]);
    await service.decide(confirmedOf(request));
    // What is still there may have been left behind, and no event comes before it.
    const before = strategy === 'event-driven' ? [types.prepare] : [];
    expect(handed()).toEqual([...before, types.commit]);
    expect(await outboxOf('orders', 'order')).toEqual([types.prepare, types.commit]);
    await outboxes.confirmPublished([`order/${types.prepare}`, 'nobody/OrderPlaced']);
    expect(await outboxOf('orders', 'order')).toEqual([types.commit]);
    await service.announce(announcementOfOrders('commit', request) as Announcement);
    expect(handed()).toEqual([types.commit]);
    await outboxes.confirmPublished([`order/${types.commit}`]);
    expect(await outboxOf('orders', 'order')).toEqual([]);
  });

  test('is read again for a mailbox that had no room', async () => {
    const { service, outboxes } = ordersBy(recordingPost());
    for (const orderId of ['one', 'other']) {
      await service.prepare(requestOf(orderId, lines, 'run', strategy));
      await service.decide(confirmedOf(requestOf(orderId, lines, 'run', strategy)));
    }
    await outboxes.confirmPublished([`other/${types.prepare}`]);
    const found = (await outboxes.findAnnouncements(['one', 'other', 'nobody'])).map(
      ({ announcement }) => announcement.id,
    );
    expect(found.filter((id) => id.startsWith('one'))).toEqual([
      `one/${types.prepare}`,
      `one/${types.commit}`,
    ]);
    expect(found.filter((id) => !id.startsWith('one'))).toEqual([`other/${types.commit}`]);
  });

  test('is published again where it was left behind, in order, and not while a mailbox keeps it', async () => {
    const post = recordingPost();
    const { orders, outboxes } = ordersBy(post);
    for (const orderId of ['left', 'kept', 'young']) {
      await orders.prepare(requestOf(orderId, lines, 'run', strategy));
      await orders.decide(rollbackOf(requestOf(orderId, lines, 'run', strategy)));
      if (orderId !== 'young') await growOld('orders', orderId);
    }
    post.state.isKept = ({ subject }) => subject === 'kept';
    expect(await outboxes.publishLeftBehind()).toEqual([]);
    expect(post.handed.map(({ id }) => id)).toEqual([`left/${types.prepare}`, `left/${types.rollback}`]);
    expect(await outboxOf('orders', 'left'), 'until every receiver has it').toEqual([
      types.prepare,
      types.rollback,
    ]);
  });
});

test('a message that could not be handed over is still there when the step is repeated, and goes out then', async () => {
  const post = recordingPost();
  const { service } = ordersBy(post);
  const requests = Array.from({ length: 50 }, (_, index) =>
    requestOf(`order-${index}`, lines, 'run', 'message-queue'),
  );
  const settled = (index: number) => (index % 2 === 0 ? 'SellStock' : 'ReleaseStock');
  const settle = (index: number, request: (typeof requests)[number]) =>
    service.decide(index % 2 === 0 ? confirmedOf(request) : rollbackOf(request));
  await Promise.all(requests.map((request) => service.prepare(request)));
  post.state.isDown = true;
  const failed = await Promise.allSettled(requests.map((request, index) => settle(index, request)));
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(['rejected']));
  for (const index of requests.keys()) {
    expect(await outboxOf('orders', `order-${index}`)).toEqual(['ReserveStock', settled(index)]);
  }
  post.state.isDown = false;
  post.handed.length = 0;
  await Promise.all(requests.map((request, index) => settle(index, request)));
  const told = post.handed.map(({ id }) => id).sort();
  expect(told).toEqual(requests.map((_, index) => `order-${index}/${settled(index)}`).sort());
});

test('what is too damaged to be published is told of, and keeps nothing else', async () => {
  const post = recordingPost();
  const skipped: Skipped[] = [];
  const { orders, outboxes } = ordersBy(post, skipped);
  const damages: Record<string, unknown> = {
    'no-list': { '0': 'none' },
    nothing: [null],
    'no-announcement': [{ id: 'x', data: { strategy: 'event-driven' } }],
  };
  for (const orderId of ['before', ...Object.keys(damages), 'order']) {
    await orders.prepare(requestOf(orderId, lines, 'run', 'event-driven'));
    await growOld('orders', orderId);
    if (orderId in damages) {
      const documents = testDatabase.database.collection<{ _id: string; outbox: unknown }>('orders');
      await documents.updateOne({ _id: orderId }, { $set: { outbox: damages[orderId] } });
    }
  }
  const left = await outboxes.publishLeftBehind();
  expect(left.map(({ orderId }) => orderId).sort()).toEqual(Object.keys(damages).sort());
  expect(skipped).toEqual(left);
  expect(post.handed.map(({ id }) => id).sort()).toEqual(['before/OrderPlaced', 'order/OrderPlaced']);
  const found = await outboxes.findAnnouncements(['before', ...Object.keys(damages)]);
  expect(found.map(({ announcement }) => announcement.id)).toEqual(['before/OrderPlaced']);
  await outboxes.confirmPublished(['before', 'order', 'no-list', 'nothing'].map((id) => `${id}/OrderPlaced`));
  expect(await outboxOf('orders', 'before')).toEqual([]);
  expect(await outboxOf('orders', 'order')).toEqual([]);
});

test('a resolution that finds all settled tells of it once more', async () => {
  const post = recordingPost();
  const { orders, service, outboxes } = ordersBy(post);
  const request = requestOf('order', lines, 'ended before it could tell', 'message-queue');
  await orders.prepare(request);
  await orders.decide(confirmedOf(request));
  await service.decide({ ...confirmedOf(request), coordinatorId: 'resolution', takesOver: true });
  expect(post.handed.map(({ type }) => type)).toEqual(['SellStock']);
  await outboxes.confirmPublished(post.handed.map(({ id }) => id));
  expect(await outboxOf('orders', 'order'), 'a sweep finds it').toEqual(['ReserveStock']);
});

test('an order that another one of its id has been placed before keeps what that one has to tell', async () => {
  const { orders, service } = ordersBy(recordingPost());
  await orders.prepare(requestOf('order', lines, 'the first', 'message-queue'));
  const other = requestOf('order', [{ sku: 'OTHER', quantity: 1 }], 'the second', 'message-queue');
  await service.decide(rollbackOf(other));
  expect(await outboxOf('orders', 'order')).toEqual(['ReserveStock']);
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

  test.each([
    ['commit', 'StockSold'],
    ['rollback', 'StockReleased'],
  ] as const)('a %s answers the yes, which an event outlasts', async (step, done) => {
    const stock = await stocked(inventory, { SKU: 200 });
    const requests = Array.from({ length: 50 }, (_, index) => requestFor(`order-${index}`));
    await Promise.all(requests.map((request) => stock.prepare(request)));
    expect(await outboxOf('reservations', 'order-0')).toEqual(['StockReserved']);
    const settle = (request: ParticipantRequest) =>
      step === 'commit' ? stock.commit(request) : stock.rollback(rollbackOf(request));
    await Promise.all(requests.map(settle));
    await Promise.all(requests.map(settle));
    // No message needs it any more, so the decision takes it out; an event may have further subscribers.
    const told = strategy === 'event-driven' ? ['StockReserved', done] : [];
    for (const { order } of requests) expect(await outboxOf('reservations', order.orderId)).toEqual(told);
    if (strategy === 'message-queue')
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
    const post = recordingPost();
    const { handle } = await inventoryBy(post, { SKU: 120 });
    const messages = Array.from({ length: 100 }, (_, index) =>
      announcementOfOrders('prepare', requestFor(`order-${index}`)),
    );
    let left = [...messages, ...messages];
    while (left.length > 0) {
      const unhandled = new Set((await handle(...left)).map(({ id }) => id));
      left = messages.filter((message) => message && unhandled.has(message.id));
    }
    const inOutboxes = await inventory.reservations.find({ 'outbox.0': { $exists: true } }).toArray();
    const answers = [...post.handed, ...inOutboxes.flatMap(({ outbox = [] }) => outbox)];
    const yes = new Set(answers.filter(({ type }) => type === 'StockReserved').map(({ subject }) => subject));
    const no = new Set(answers.filter(({ type }) => type === 'StockRejected').map(({ subject }) => subject));
    expect([yes.size, no.size]).toEqual([60, 40]);
    const [document] = await checkedStock(inventory);
    expect(new Set(document?.holds.map(({ orderId }) => orderId))).toEqual(yes);
  });

  test('an answer that no record of its own can keep is given directly', async () => {
    const post = recordingPost();
    const { stock, handle } = await inventoryBy(post, { SKU: 10 });
    await stock.prepare(requestOf('order', [{ sku: 'SKU', quantity: 5 }], 'another'));
    expect(await handle(announcementOfOrders('prepare', requestFor('order')))).toEqual([]);
    expect(post.handed).toMatchObject([
      { type: 'StockRejected', data: { reason: { code: 'OrderIdTaken' } } },
    ]);
    expect(await handle(announcementOfOrders('rollback', rollbackOf(requestFor('order'))))).toEqual([]);
    // By events, the order's own workflow is told as well as the subscribers.
    const told = strategy === 'event-driven' ? ['StockReleased', 'StockReleased'] : ['StockReleased'];
    expect(post.handed.map(({ type }) => type)).toEqual(['StockRejected', ...told]);
    expect(await checkedStock(inventory), "the other order's hold").toMatchObject([{ reserved: 5 }]);
  });

  test.each([
    ['StockReserved', 10],
    ['StockRejected', 1],
  ])('who asks again after %s was handed over is answered again', async (answer, units) => {
    const post = recordingPost();
    const { outboxes, handle } = await inventoryBy(post, { SKU: units });
    const message = announcementOfOrders('prepare', requestFor('order'));
    for (const time of [1, 2, 3, 4]) {
      expect(await handle(message)).toEqual([]);
      // As the mailbox does, when every subscriber has it.
      if (time === 2) await outboxes.confirmPublished([`order/${answer}`]);
      expect(post.handed.map(({ type }) => type)).toEqual(Array.from({ length: time }, () => answer));
    }
    expect(await checkedStock(inventory)).toMatchObject([{ reserved: answer === 'StockReserved' ? 2 : 0 }]);
  });

  test('one message that can not be handled keeps none of its batch', async () => {
    const { handle } = await inventoryBy(recordingPost(), { SKU: 100, BROKEN: 1 });
    await testDatabase.database
      .collection<{ _id: string; available: unknown }>('stock')
      .updateOne({ _id: 'BROKEN' }, { $set: { available: 'many' } });
    const messages = Array.from({ length: 20 }, (_, index) =>
      announcementOfOrders(
        'prepare',
        requestFor(`order-${index}`, index === 7 ? [{ sku: 'BROKEN', quantity: 1 }] : lines),
      ),
    );
    const unhandled = await handle(...messages);
    expect(unhandled.map(({ id }) => id)).toEqual([messages[7]?.id]);
    const [, document] = await testDatabase.database.collection('stock').find().sort({ _id: 1 }).toArray();
    expect(document).toMatchObject({ reserved: 38 });
  });

  test('an answer that was left behind goes out, whether it is asked again or not', async () => {
    const post = recordingPost();
    const { stock, outboxes } = await inventoryBy(post, { SKU: 10 });
    await stock.prepare(requestFor('order'));
    await growOld('reservations', 'order');
    expect(await outboxes.publishLeftBehind()).toEqual([]);
    expect(post.handed.map(({ type }) => type)).toEqual(['StockReserved']);
    // The order's own workflow has a message now, and subscribers confirm an event.
    expect(await outboxOf('reservations', 'order')).toEqual(
      strategy === 'event-driven' ? ['StockReserved'] : [],
    );
  });
});

test('a refusal by events tells of the release as well when it is carried out, once', async () => {
  const post = recordingPost();
  const { handle } = await inventoryBy(post, { SKU: 1 });
  const request = requestOf('order', lines, 'run', 'event-driven');
  await handle(announcementOfOrders('prepare', request));
  const rejected = announcementOfOrders('rollback', { ...rollbackOf(request), status: 'rejected' });
  for (const _ of [1, 2]) await handle(rejected);
  expect(await outboxOf('reservations', 'order')).toEqual(['StockRejected', 'StockReleased']);
});

test('nobody hears of a sale that was left behind before it is carried out', async () => {
  const post = recordingPost();
  const { stock, outboxes } = await inventoryBy(post, { SKU: 10 });
  const request = requestOf('order', lines, 'run', 'event-driven');
  await stock.prepare(request);
  // As if the worker had died right after the decision.
  const outbox = [announcementOfInventory('commit', request) as Announcement];
  await inventory.reservations.updateOne({ _id: 'order' }, { $set: { decision: 'commit', outbox } });
  await growOld('reservations', 'order');
  const [before] = await checkedStock(inventory);
  expect(before).toMatchObject({ reserved: 2, sold: 0 });
  await outboxes.publishLeftBehind();
  expect(post.handed.map(({ type }) => type)).toEqual(['StockSold']);
  expect(await checkedStock(inventory)).toMatchObject([{ reserved: 0, sold: 2 }]);
});

test('a decision of the order service is the first one, whoever asks', async () => {
  const { service } = ordersBy(recordingPost());
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
