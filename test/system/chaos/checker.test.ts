import type { Db } from 'mongodb';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Delivery, Publication } from '../../../client/event-book.ts';
import { type Order, parseOrder } from '../../../domain/order.ts';
import { checkAnnouncements } from '../../../tools/measure/announcement-checker.ts';
import { checkAtRest, type Invariant, invariants, type Told } from '../../../tools/measure/checker.ts';
import { untilQuiet } from '../../../tools/measure/quiet.ts';
import { type OrderExecution, readState, type State } from '../../../tools/measure/state.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

// A checker that never complains proves nothing: for each invariant, something that breaks it and nothing else.

const confirmed = order('confirmed', { 'SKU-A': 2, 'SKU-B': 1 });
const rejected = order('rejected', { 'SKU-A': 100 });
// Of other SKUs, so that what is broken of the others is theirs alone.
const byEvents = order('by-events', { 'SKU-C': 2 });
const byMessages = order('by-messages', { 'SKU-C': 1 });
const refusedByEvents = order('refused-by-events', { 'SKU-C': 100 });
const placed = [
  { order: confirmed, strategy: 'two-phase' },
  { order: rejected, strategy: 'two-phase' },
  { order: byEvents, strategy: 'event-driven' },
  { order: byMessages, strategy: 'message-queue' },
  { order: refusedByEvents, strategy: 'event-driven' },
] as const;

let platform: Platform;
let told: Told[];
let clean: State;

beforeAll(async () => {
  platform = await startPlatform();
  const { concord } = platform;
  await concord.restock('SKU-A', 10, { receiptId: 'delivery-a' });
  await concord.restock('SKU-B', 5, { receiptId: 'delivery-b' });
  await concord.restock('SKU-C', 10, { receiptId: 'delivery-c' });
  told = [];
  for (const { order, strategy } of placed) {
    const { status } = await concord.place(order, { strategy });
    if (status !== 'pending') told.push({ order, status });
  }
  await untilQuiet({ client: concord.client, databases: platform.databases });
  // What lists workflows lags a little behind.
  await vi.waitFor(
    async () => {
      const { executions, deliveries, events, ...rest } = await state();
      expect([executions.length, deliveries.length, events.length]).toEqual([5, 3, 8]);
      expect(checkAnnouncements({ executions, deliveries, events, ...rest })).toEqual([]);
    },
    { timeout: 20_000 },
  );
  clean = await state();
});

afterAll(() => platform[Symbol.asyncDispose]());

test('nothing is wrong with what Concord has left', () => {
  expect([...checkAtRest(clean, told), ...checkAnnouncements(clean)]).toEqual([]);
  expect(told.map(({ status }) => status)).toEqual([
    ...['confirmed', 'rejected', 'confirmed', 'confirmed', 'rejected'],
  ]);
});

interface Corruption {
  readonly what: string;
  /** Changes documents behind Concord's back. */
  readonly how: (databases: { orders: Db; inventory: Db }) => Promise<unknown>;
  /** What must be found, as `invariant subject`. */
  readonly found: readonly `${Invariant} ${string}`[];
}

const corruptions: Corruption[] = [
  {
    what: 'a unit from nowhere',
    how: ({ inventory }) => changeStock(inventory, { available: 1 }),
    found: ['stock-adds-up SKU-A'],
  },
  {
    what: 'more sold than there was',
    how: ({ inventory }) => changeStock(inventory, { available: -9, sold: 9 }),
    found: ['stock-not-negative SKU-A', 'stock-sold-is-confirmed SKU-A'],
  },
  {
    what: 'a reservation without a hold',
    how: ({ inventory }) => changeStock(inventory, { available: -1, reserved: 1 }),
    found: ['stock-reserved-is-held SKU-A', 'stock-at-rest SKU-A'],
  },
  {
    what: 'a lost hold: its units are held for ever',
    how: ({ inventory }) => changeStock(inventory, { available: -1, reserved: 1 }, ['gone']),
    found: ['stock-at-rest SKU-A'],
  },
  {
    what: 'an order that holds twice',
    how: ({ inventory }) => changeStock(inventory, { available: -2, reserved: 2 }, ['twice', 'twice']),
    found: ['stock-held-once SKU-A', 'stock-at-rest SKU-A'],
  },
  {
    what: 'a delivery that was added twice',
    how: ({ inventory }) => changeStock(inventory, { available: 10, received: 10 }),
    found: ['stock-received-is-delivered SKU-A'],
  },
  {
    what: 'units sold to nobody',
    how: ({ inventory }) => changeStock(inventory, { available: -1, sold: 1 }),
    found: ['stock-sold-is-confirmed SKU-A'],
  },
  {
    what: 'units that a confirmed order did not get',
    how: ({ inventory }) => changeStock(inventory, { available: 2, sold: -2 }),
    found: ['stock-sold-is-confirmed SKU-A'],
  },
  {
    what: 'a stock document that is lost',
    how: ({ inventory }) => remove(inventory, 'stock', 'SKU-B'),
    found: ['stock-received-is-delivered SKU-B', 'stock-sold-is-confirmed SKU-B'],
  },
  {
    what: 'a delivery that stays open',
    how: ({ inventory }) => change(inventory, 'receipts', 'delivery-a', { state: 'open' }),
    found: ['stock-received-is-delivered SKU-A', 'delivery-applied delivery-a'],
  },
  {
    what: 'a delivery of another quantity',
    how: ({ inventory }) => change(inventory, 'receipts', 'delivery-a', { quantity: 11 }),
    found: ['stock-received-is-delivered SKU-A', 'delivery-applied delivery-a'],
  },
  {
    what: 'a delivery that is lost',
    how: ({ inventory }) => remove(inventory, 'receipts', 'delivery-b'),
    found: ['stock-received-is-delivered SKU-B', 'delivery-applied delivery-b'],
  },
  {
    what: 'an order that stays pending',
    how: ({ orders }) => change(orders, 'orders', 'rejected', { status: 'pending' }),
    found: ['order-final rejected'],
  },
  {
    what: 'an order whose document says something else than its workflow',
    how: ({ orders }) => change(orders, 'orders', 'rejected', { status: 'cancelled' }),
    found: ['order-agrees rejected'],
  },
  {
    what: 'an order with other lines',
    how: ({ orders }) => change(orders, 'orders', 'rejected', { lines: [{ sku: 'SKU-A', quantity: 99 }] }),
    found: ['order-agrees rejected'],
  },
  {
    what: 'a rejected order that is confirmed after all',
    how: ({ orders }) => change(orders, 'orders', 'rejected', { status: 'confirmed' }),
    found: ['stock-sold-is-confirmed SKU-A', 'order-agrees rejected', 'reservation-agrees rejected'],
  },
  {
    what: 'an order that is lost',
    how: ({ orders }) => remove(orders, 'orders', 'rejected'),
    found: ['order-once rejected'],
  },
  {
    what: 'an order that nobody placed',
    how: ({ orders }) => duplicate(orders, 'orders', 'rejected', 'copy'),
    found: ['order-once copy'],
  },
  {
    what: 'a reservation that is never decided',
    how: ({ inventory }) => change(inventory, 'reservations', 'rejected', { decision: null }),
    found: ['reservation-decided rejected'],
  },
  {
    what: 'a confirmed order whose reservation is rolled back',
    how: ({ inventory }) => change(inventory, 'reservations', 'confirmed', { decision: 'rollback' }),
    found: ['reservation-agrees confirmed'],
  },
  {
    what: 'a confirmed order whose reservation has other lines',
    how: ({ inventory }) =>
      change(inventory, 'reservations', 'confirmed', { lines: [{ sku: 'SKU-A', quantity: 2 }] }),
    found: ['reservation-agrees confirmed'],
  },
  {
    what: 'a confirmed order without a reservation',
    how: ({ inventory }) => remove(inventory, 'reservations', 'confirmed'),
    found: ['reservation-agrees confirmed'],
  },
  {
    what: 'an order that is on record as of another strategy',
    how: ({ orders }) => change(orders, 'orders', 'by-messages', { strategy: 'two-phase' }),
    found: ['order-agrees by-messages'],
  },
  {
    what: 'an event that stays in the outbox of an order',
    how: ({ orders }) => change(orders, 'orders', 'by-events', { outbox: [lastOf('by-events').event] }),
    found: ['outbox-empty by-events'],
  },
  {
    what: 'a message that stays in the outbox of a reservation',
    how: ({ inventory }) =>
      change(inventory, 'reservations', 'by-messages', { outbox: [lastOf('by-events').event] }),
    found: ['outbox-empty by-messages'],
  },
  {
    what: 'an event-driven order that ended otherwise than it was told',
    how: ({ orders }) => change(orders, 'orders', 'refused-by-events', { status: 'cancelled' }),
    found: ['order-agrees refused-by-events', 'events-agree refused-by-events'],
  },
  {
    what: 'an event-driven order of another coordinator than its events',
    how: ({ orders }) => change(orders, 'orders', 'by-events', { coordinatorId: 'another' }),
    found: ['events-agree by-events'],
  },
  {
    what: 'a rejected order whose reservation is committed',
    how: ({ inventory }) => change(inventory, 'reservations', 'rejected', { decision: 'commit' }),
    found: ['reservation-agrees rejected'],
  },
];

describe('what is changed behind its back in MongoDB is found, and nothing else', () => {
  afterEach(restore);

  test.each(corruptions)('$what', async ({ how, found }) => {
    await how(platform.databases);
    expect(foundIn(await state(), told)).toEqual([...found].sort());
  });
});

describe('what customers were told is compared', () => {
  test.each([
    ['cancelled of a rejected order', { order: rejected, status: 'cancelled' }, 'answer-kept rejected'],
    ['rejected of a confirmed order', { order: confirmed, status: 'rejected' }, 'answer-kept confirmed'],
    ['confirmed of a rejected order', { order: rejected, status: 'confirmed' }, 'confirmation-kept rejected'],
    [
      'confirmed of other lines',
      { order: { ...confirmed, lines: rejected.lines }, status: 'confirmed' },
      'confirmation-kept confirmed',
    ],
    [
      'confirmed of an order that never was',
      { order: { ...confirmed, orderId: 'never' }, status: 'confirmed' },
      'confirmation-kept never',
    ],
  ] as const)('%s', (_, wrong, found) => {
    expect(foundIn(clean, [...told, wrong])).toEqual([found]);
  });
});

describe('what Temporal knows is compared', () => {
  test('an order whose workflow has not ended', async () => {
    const { client } = platform.concord;
    const order = { ...rejected, orderId: 'unfinished' };
    const handle = await client.workflow.start('placeOrder', {
      workflowId: 'order/unfinished',
      taskQueue: 'nobody',
      args: [{ order }],
    });
    await platform.databases.orders
      .collection<{ _id: string }>('orders')
      .insertOne({ ...clean.orders.find(({ _id }) => _id === 'rejected'), _id: 'unfinished' });
    await expect
      .poll(async () => foundIn(await state(), told), { timeout: 20_000 })
      .toEqual(['order-final unfinished']);
    await handle.terminate();
  });

  test('a delivery whose workflow has failed', async () => {
    const receipt = { receiptId: 'failed', sku: 'SKU-A', quantity: 1 };
    const handle = await platform.concord.client.workflow.start('restock', {
      workflowId: 'restock/failed',
      taskQueue: 'nobody',
      args: [receipt],
    });
    await handle.terminate();
    await expect
      .poll(async () => foundIn(await state(), told), { timeout: 20_000 })
      .toContain('delivery-applied failed');
  });

  test('an order that was placed twice', async () => {
    const { client } = platform.concord;
    const handle = await client.workflow.start('placeOrder', {
      workflowId: 'order/confirmed',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      taskQueue: 'orders',
      args: [{ order: confirmed }],
    });
    await handle.result();
    await expect
      .poll(async () => foundIn(await state(), told), { timeout: 20_000 })
      .toContain('order-once confirmed');
  });
});

describe('what was announced is compared', () => {
  const orderId = 'by-events';
  const withDelivery = (wrong: Partial<Delivery>) =>
    clean.events.map(({ deliveries, ...publication }) => ({
      ...publication,
      deliveries:
        publication.event.id === `${orderId}/OrderConfirmed`
          ? deliveries.map((delivery) => ({ ...delivery, ...wrong }))
          : deliveries,
    }));
  const waiting = {
    ...{ orderId, type: 'SellStock', receiver: 'inventory', handler: 'inventory.handle' },
    ...{ failures: 3, lastError: 'it is down', since: '' },
  };

  test.each([
    ['an event that still waits', () => ({ events: withDelivery({ state: 'waiting' }) })],
    [
      'a message that waits in a mailbox',
      () => ({ mailboxes: [{ workflowId: 'mailbox/0', isBusy: false, waiting: [waiting] }] }),
    ],
  ])('%s', (_, wrong) => {
    expect(foundIn({ ...clean, ...wrong() }, told)).toEqual([`announcement-delivered ${orderId}`]);
  });

  test.each([
    ['a mailbox that handles something', { isBusy: true, waiting: [] }],
    ['a mailbox that does not answer', { isBusy: false }],
  ])('%s', (_, mailbox) => {
    const mailboxes = [{ workflowId: 'mailbox/0', ...mailbox }];
    expect(foundIn({ ...clean, mailboxes }, told)).toEqual(['announcement-delivered mailbox/0']);
  });

  test('an event whose place a later one has taken is no violation', () => {
    expect(foundIn({ ...clean, events: withDelivery({ state: 'replaced' }) }, told)).toEqual([]);
  });

  test.each(['OrderPlaced', 'StockReserved', 'OrderConfirmed', 'StockSold'] as const)(
    'a confirmed order without %s',
    (type) => {
      const events = clean.events.filter(({ event }) => event.id !== `${orderId}/${type}`);
      expect(foundIn({ ...clean, events }, told)).toEqual([`events-agree ${orderId}`]);
    },
  );

  test.each(['OrderRejected', 'OrderCancelled', 'StockReleased'] as const)(
    'a confirmed order with %s as well',
    (type) => {
      const last = lastOf(orderId);
      const subscriber = type === 'StockReleased' ? 'orders' : 'inventory';
      const deliveries = [
        { subscriber, handler: '', state: 'delivered', failures: 0, lastError: '' },
      ] as const;
      const event = { ...last.event, id: `${orderId}/${type}`, type };
      const events = [...clean.events, { ...last, event, deliveries: [...deliveries] }];
      expect(foundIn({ ...clean, events }, told)).toEqual([`events-agree ${orderId}`]);
    },
  );

  test('an event that one of its subscribers never gets', () => {
    const events = withDelivery({ subscriber: 'somebody-else' });
    expect(foundIn({ ...clean, events }, told)).toEqual([`events-agree ${orderId}`]);
  });

  test('events of an order that has none', () => {
    const last = lastOf(orderId);
    const events = [...clean.events, { ...last, event: { ...last.event, subject: 'by-messages' } }];
    expect(foundIn({ ...clean, events }, told)).toEqual(['events-agree by-messages']);
  });
});

describe('what the reaper has settled is compared', () => {
  test('an order that had ended, settled as it had decided, is no violation', async () => {
    const { client } = platform.concord;
    const options = { workflowId: 'resolve/rejected', taskQueue: 'orders', args: [{ order: rejected }] };
    await client.workflow.execute('resolveOrder', options);
    await expect.poll(async () => (await state()).resolutions.length, { timeout: 20_000 }).toBe(1);
    const { resolutions } = await state();
    expect(foundIn({ ...clean, resolutions }, told)).toEqual([]);
  });

  test.each([
    ['another outcome', { outcome: { orderId: 'confirmed', status: 'rejected' } }],
    ['one that has failed', { status: 'FAILED', outcome: undefined }],
    ['one that began while the order lived', { startedAt: new Date(0) }],
    ['one of an order that nobody placed', { orderId: 'nobody' }],
  ] as const)('%s', (_, wrong) => {
    const [execution] = clean.executions.filter(({ orderId }) => orderId === 'confirmed');
    const resolution = { ...execution, startedAt: execution?.closedAt, ...wrong } as OrderExecution;
    const found = foundIn({ ...clean, resolutions: [resolution] }, told);
    expect(found).toEqual([`resolution-agrees ${resolution.orderId}`]);
  });
});

test('a hold that only the reaper has found is a lost one; but an order may end while the reaper looks', () => {
  const [execution] = clean.executions.filter(({ orderId }) => orderId === 'confirmed');
  const end = execution?.closedAt ?? new Date();
  const later = (milliseconds: number) => new Date(end.getTime() + milliseconds);
  const resolution = { ...execution, startedAt: later(20) } as OrderExecution;
  const seenBy = (began: number) =>
    foundIn(
      { ...clean, resolutions: [resolution], sweeps: [{ startedAt: later(began), closedAt: later(30) }] },
      told,
    );
  expect(seenBy(10)).toEqual(['hold-not-left confirmed']);
  expect(seenBy(-10)).toEqual([]);
});

test('no invariant goes without something that breaks it', () => {
  const broken = corruptions.flatMap(({ found }) => found.map((each) => each.split(' ')[0]));
  const all = [
    ...broken,
    'resolution-agrees',
    'hold-not-left',
    'answer-kept',
    'confirmation-kept',
    'announcement-delivered',
  ];
  expect(Object.keys(invariants).filter((invariant) => !all.includes(invariant))).toEqual([]);
});

function order(orderId: string, units: Record<string, number>): Order {
  const lines = Object.entries(units).map(([sku, quantity]) => ({ sku, quantity }));
  return parseOrder({ orderId, customerId: 'customer', lines });
}

function state(): Promise<State> {
  return readState({ client: platform.concord.client, databases: platform.databases });
}

function foundIn(checked: State, answers: readonly Told[]): string[] {
  return [...checkAtRest(checked, answers), ...checkAnnouncements(checked)]
    .map(({ invariant, subject }) => `${invariant} ${subject}`)
    .sort();
}

/** The order's last event. */
function lastOf(orderId: string): Publication {
  const last = clean.events.findLast(({ event }) => event.subject === orderId);
  if (last === undefined) throw new Error(`${orderId} has no events`);
  return last;
}

interface Named {
  _id: string;
}

function change(database: Db, collection: string, _id: string, fields: object): Promise<unknown> {
  return database.collection<Named>(collection).updateOne({ _id }, { $set: fields });
}

function changeStock(
  inventory: Db,
  counts: Partial<Record<'available' | 'reserved' | 'sold' | 'received', number>>,
  holders: readonly string[] = [],
): Promise<unknown> {
  const holds = holders.map((orderId) => ({ orderId, quantity: 1 }));
  return inventory.collection<Named>('stock').updateOne({ _id: 'SKU-A' }, { $inc: counts, $set: { holds } });
}

function remove(database: Db, collection: string, _id: string): Promise<unknown> {
  return database.collection<Named>(collection).deleteOne({ _id });
}

async function duplicate(database: Db, collection: string, _id: string, copy: string): Promise<void> {
  const found = await database.collection<Named>(collection).findOne({ _id });
  await database.collection<Named>(collection).insertOne({ ...found, _id: copy });
}

async function restore(): Promise<void> {
  const { orders, inventory } = platform.databases;
  await replaceAll(orders, 'orders', clean.orders);
  await replaceAll(inventory, 'stock', clean.stock);
  await replaceAll(inventory, 'receipts', clean.receipts);
  await replaceAll(inventory, 'reservations', clean.reservations);
}

async function replaceAll(database: Db, collection: string, documents: readonly Named[]): Promise<void> {
  await database.collection<Named>(collection).deleteMany({});
  await database.collection<Named>(collection).insertMany([...documents]);
}
