import { describe, expect, test } from 'vitest';
import type { Announcement, AnnouncementType } from '../../../domain/announcements.ts';
import type { Receiver } from '../../../domain/envelopes.ts';
import { Backlog, type Carried, type CarryLimits, carriedOver } from '../../../workflows/exchange/backlog.ts';
import { requestOf } from '../../support/requests.ts';

const NOTHING: Carried = { waiting: [], unkept: [] };

/** As the inventory is told of orders, and as any further subscriber is. */
const INVENTORY: Receiver = {
  ...{ name: 'inventory', host: 'inventory', handler: 'inventory.handle', onlyLatest: true },
};
const SUBSCRIBER: Receiver = { name: 'mail', host: 'orders', handler: 'mail.handle' };

/** A backlog with a clock that a test sets, and what it has had done with. */
function backlogOf(receiver = INVENTORY, { unkept }: Partial<Carried> = {}) {
  const clock = { now: 0 };
  const done: string[] = [];
  const tell = (id: string) => done.push(id);
  const backlog = new Backlog(receiver, tell, () => clock.now);
  for (const { orderIds } of unkept ?? []) backlog.restoreUnkept(orderIds);
  return { clock, done, backlog };
}

/** @param time Tells one copy from another. */
function announced(orderId: string, type: AnnouncementType, time = ''): Announcement {
  return {
    ...{
      specversion: '1.0',
      id: `${orderId}/${type}`,
      source: '/concord/orders',
      type,
      subject: orderId,
      time,
    },
    ...{ datacontenttype: 'application/json', data: requestOf(orderId, [{ sku: 'SKU', quantity: 1 }]) },
  };
}

const unkept = (orderIds: string[], receiver = INVENTORY) => ({ unkept: [{ receiver, orderIds }] });
const failed = (...types: AnnouncementType[]) => new Map(types.map((type) => [`order/${type}`, 'down']));
const typesOf = (batch: readonly Announcement[]) => batch.map(({ type }) => type);

describe('of a receiver to which only the latest of an order matters', () => {
  const decisions = [
    ['ReserveStock', 'SellStock'],
    ['ReserveStock', 'ReleaseStock'],
    ['OrderPlaced', 'OrderConfirmed'],
    ['OrderPlaced', 'OrderCancelled'],
  ] as const;

  test.each(decisions)(
    'where %s comes late while %s is being handled, which fails, the later one is put back',
    (request, decision) => {
      const { backlog, clock, done } = backlogOf();
      backlog.add(announced('order', decision));
      expect(typesOf(backlog.take(25))).toEqual([decision]);
      backlog.add(announced('order', request));
      backlog.putBack(failed(decision));
      clock.now = 500;
      expect(typesOf(backlog.take(25))).toEqual([decision]);
      backlog.putBack(new Map());
      expect(backlog.views()).toEqual([]);
      expect(done).toEqual([`order/${request}`, `order/${decision}`]);
    },
  );

  test.each(decisions)(
    '%s that fails gives way to %s, which came while it was being handled',
    (request, decision) => {
      const { backlog, clock, done } = backlogOf();
      backlog.add(announced('order', request));
      backlog.take(25);
      backlog.add(announced('order', decision));
      backlog.putBack(failed(request));
      expect(done).toEqual([`order/${request}`]);
      clock.now = 500;
      expect(typesOf(backlog.take(25))).toEqual([decision]);
    },
  );

  test.each(decisions)(
    '%s that waits gives way, and its late copy does not come back: %s',
    (request, decision) => {
      const { backlog, done } = backlogOf();
      backlog.add(announced('order', request));
      backlog.add(announced('order', decision));
      expect(done, 'nobody needs it any more').toEqual([`order/${request}`]);
      backlog.add(announced('order', request));
      expect(typesOf(backlog.take(25))).toEqual([decision]);
    },
  );

  test.each(decisions)('what was not kept is read, and then %s gives way to %s, too', (request, decision) => {
    const { backlog, done } = backlogOf(INVENTORY, unkept(['order']));
    backlog.add(announced('order', request));
    expect(backlog.take(25), 'it is in the outbox, where it is read with what was not kept').toEqual([]);
    const orderIds = backlog.unkeptToRead();
    expect(orderIds).toEqual(['order']);
    backlog.addRead(orderIds, [announced('order', decision), announced('order', request)]);
    expect(typesOf(backlog.take(25))).toEqual([decision]);
    expect(done).toEqual([`order/${request}`]);
    expect(backlog.unkeptCount).toBe(0);
  });

  test('the newer of two copies is handled, whichever has failed', () => {
    const { backlog, clock } = backlogOf();
    backlog.add(announced('order', 'SellStock', 'first'));
    backlog.take(25);
    backlog.add(announced('order', 'SellStock', 'again'));
    backlog.putBack(failed('SellStock'));
    clock.now = 500;
    expect(backlog.take(25).map(({ time }) => time)).toEqual(['again']);
  });

  test('what gives way to nothing is carried along where a run ends while both are there', () => {
    const { backlog } = backlogOf();
    backlog.add(announced('order', 'ReserveStock'));
    backlog.take(25);
    backlog.add(announced('order', 'ReleaseStock'));
    expect(backlog.carry().waiting.map(({ item }) => item.type)).toEqual(['ReleaseStock']);
  });
});

describe('of a receiver that gets all', () => {
  const life = ['OrderPlaced', 'StockReserved', 'OrderConfirmed', 'StockSold'] as const;

  test('each of an order comes after those before it were handled, however late those came, and once', () => {
    const { backlog, clock, done } = backlogOf(SUBSCRIBER);
    for (const type of life.toReversed()) backlog.add(announced('order', type));
    for (const type of life) backlog.add(announced('order', type));
    for (const type of life) {
      expect(typesOf(backlog.take(25))).toEqual([type]);
      backlog.add(announced('order', type)); // while it is being handled
      backlog.putBack(failed(type));
      expect(backlog.take(25), 'it keeps those after it waiting').toEqual([]);
      clock.now += 500;
      expect(typesOf(backlog.take(25))).toEqual([type]);
      backlog.putBack(new Map());
    }
    expect(backlog.nextAt()).toBe(Number.POSITIVE_INFINITY);
    expect(done).toEqual(life.map((type) => `order/${type}`));
  });

  test('what came late goes before the later one that has failed meanwhile', () => {
    const { backlog, clock } = backlogOf(SUBSCRIBER);
    backlog.add(announced('order', 'OrderConfirmed'));
    backlog.take(25);
    backlog.add(announced('order', 'OrderPlaced'));
    backlog.putBack(failed('OrderConfirmed'));
    clock.now = 500;
    expect(typesOf(backlog.take(25))).toEqual(['OrderPlaced']);
  });

  test('one that fails keeps no other order waiting', () => {
    const { backlog } = backlogOf(SUBSCRIBER);
    for (const type of life) for (const orderId of ['order', 'other']) backlog.add(announced(orderId, type));
    const handed: string[] = [];
    for (const _ of life) {
      handed.push(...backlog.take(25).map(({ id }) => id));
      backlog.putBack(failed('OrderPlaced'));
    }
    expect(handed).toEqual(['order/OrderPlaced', ...life.map((type) => `other/${type}`)]);
  });

  test('so many that fail as a batch takes keep no other order waiting, though more waits of each', () => {
    const { backlog, clock } = backlogOf(SUBSCRIBER);
    for (const index of orderNumbers(25))
      for (const type of life) backlog.add(announced(`order-${index}`, type));
    expect(backlog.take(25)).toHaveLength(25);
    backlog.add(announced('other', 'OrderPlaced'));
    backlog.putBack(backlog.allFailed('it has no time'));
    clock.now = 500;
    expect(backlog.take(25).map(({ id }) => id)).toContain('other/OrderPlaced');
  });

  test('what comes of an order that was not kept is read with the rest, and all is handled in order', () => {
    const { backlog } = backlogOf(SUBSCRIBER, unkept(['order'], SUBSCRIBER));
    for (const type of ['StockSold', 'OrderConfirmed'] as const) backlog.add(announced('order', type));
    backlog.add(announced('other', 'StockSold'));
    expect(backlog.take(25).map(({ id }) => id)).toEqual(['other/StockSold']);
    backlog.putBack(new Map());
    const found = life.toReversed().map((type) => announced('order', type));
    backlog.addRead(backlog.unkeptToRead(), found);
    for (const type of life) {
      expect(typesOf(backlog.take(25))).toEqual([type]);
      backlog.putBack(new Map());
    }
    expect(backlog.hasRoomForUnkept()).toBe(false);
  });

  test('an order of which more comes while it is read is read once more, so that nothing is missed', () => {
    const { backlog } = backlogOf(SUBSCRIBER, unkept(['order', 'other'], SUBSCRIBER));
    const orderIds = backlog.unkeptToRead();
    backlog.add(announced('order', 'OrderConfirmed'));
    backlog.addRead(orderIds, [announced('order', 'OrderPlaced'), announced('other', 'OrderPlaced')]);
    expect(backlog.take(25).map(({ id }) => id)).toEqual(['other/OrderPlaced']);
    backlog.putBack(new Map());
    expect(backlog.unkeptToRead()).toEqual(['order']);
    backlog.addRead(['order'], [announced('order', 'OrderPlaced'), announced('order', 'OrderConfirmed')]);
    expect(backlog.take(25).map(({ id }) => id)).toEqual(['order/OrderPlaced']);
  });
});

describe('it has', () => {
  test.each(['what waits', 'what is being handled', 'what is not kept'])('%s, and then no more', (what) => {
    const { backlog } = backlogOf(
      SUBSCRIBER,
      what === 'what is not kept' ? unkept(['order'], SUBSCRIBER) : {},
    );
    if (what !== 'what is not kept') backlog.add(announced('order', 'OrderPlaced'));
    if (what === 'what is being handled') backlog.take(25);
    expect(backlog.has('order/OrderPlaced')).toBe(true);
    // Of an order that is not kept, nobody knows what has come.
    expect(backlog.has('order/OrderConfirmed')).toBe(what === 'what is not kept');
    expect(backlog.has('other/OrderPlaced')).toBe(false);
    if (what === 'what waits') backlog.take(25);
    backlog.putBack(new Map());
    if (what === 'what is not kept') backlog.addRead(backlog.unkeptToRead(), []);
    expect(backlog.has('order/OrderPlaced')).toBe(false);
  });
});

describe('what a run leaves to the next one', () => {
  const limits: CarryLimits = { items: 5_000, ids: 400 };

  test('fits into its limits, and names the orders of what it leaves out', () => {
    const { backlog, clock } = backlogOf();
    for (const index of orderNumbers(60)) {
      clock.now = index;
      backlog.add(announced(`order-${index}`, 'ReserveStock'));
    }
    backlog.take(25);
    const carried = backlog.carry(limits);
    const [left] = carried.unkept;
    expect(carried.unkept).toMatchObject([{ receiver: INVENTORY }]);
    expect(carried.waiting.length).toBeGreaterThan(0);
    expect(JSON.stringify(carried.waiting).length).toBeLessThanOrEqual(limits.items + 2);
    expect(JSON.stringify(left?.orderIds).length).toBeLessThanOrEqual(limits.ids + 2);
    const kept = carried.waiting.map(({ item }) => item.subject);
    expect([...kept, ...(left?.orderIds ?? [])]).toEqual(
      orderNumbers(kept.length + (left?.orderIds.length ?? 0)).map((index) => `order-${index}`),
    );
    const taken = carriedOver(carried.waiting, carried.unkept, ['order/OrderPlaced']);
    expect(taken, 'and the next one takes it').toEqual({ ...carried, unconfirmed: ['order/OrderPlaced'] });
  });

  test('of 36,000 orders in one mailbox, an hour of ten a second, is less than Temporal takes', () => {
    const { backlog } = backlogOf();
    for (const _ of orderNumbers(36_000)) backlog.add(announced(crypto.randomUUID(), 'ReserveStock'));
    const { waiting, unkept } = backlog.carry();
    expect(waiting.length + (unkept[0]?.orderIds.length ?? 0)).toBe(36_000);
    expect(JSON.stringify([waiting, unkept]).length).toBeLessThan(2_000_000);
  });

  test('is read a part at a time, as there is room, until each is there again', () => {
    const orderIds = orderNumbers(1_000).map((index) => `order-${index}`);
    const { backlog } = backlogOf(INVENTORY, unkept(orderIds));
    const told: string[] = [];
    while (backlog.isReady() || backlog.hasRoomForUnkept()) {
      if (backlog.hasRoomForUnkept()) {
        const read = backlog.unkeptToRead();
        expect(read.length).toBeLessThanOrEqual(20);
        backlog.addRead(
          read,
          read.map((orderId) => announced(orderId, 'ReserveStock')),
        );
      }
      expect(backlog.views().length).toBeLessThanOrEqual(150);
      told.push(...backlog.take(25).map(({ subject }) => subject));
      backlog.putBack(new Map());
    }
    expect(told.toSorted()).toEqual(orderIds.toSorted());
  });

  test('is read also while as many as there is room for fail for ever', () => {
    const { backlog } = backlogOf(SUBSCRIBER, unkept(['order'], SUBSCRIBER));
    for (const index of orderNumbers(100)) backlog.add(announced(`order-${index}`, 'OrderPlaced'));
    expect(backlog.hasRoomForUnkept()).toBe(false);
    backlog.take(100);
    backlog.putBack(backlog.allFailed('it has no time'));
    expect(backlog.hasRoomForUnkept()).toBe(true);
  });

  test('begins with what an order begins with, even where that came last', () => {
    const { backlog, clock } = backlogOf(SUBSCRIBER);
    for (const type of ['OrderConfirmed', 'OrderPlaced'] as const) {
      clock.now += 1;
      backlog.add(announced('order', type));
    }
    const { waiting, unkept } = backlog.carry({ items: 500, ids: 500 });
    expect(waiting.map(({ item }) => item.type)).toEqual(['OrderPlaced']);
    expect(unkept).toMatchObject([{ orderIds: ['order'] }]);
  });

  test('is shown like what is kept', () => {
    const { backlog } = backlogOf(INVENTORY, unkept(['order']));
    expect(backlog.unkeptViews()).toMatchObject([
      { receiver: 'inventory', orderId: 'order', type: 'announcements', failures: 0 },
    ]);
  });

  const entry = {
    receiver: INVENTORY,
    item: announced('order', 'SellStock'),
    since: 0,
    failures: 0,
    lastError: '',
  };
  test.each([
    ['nothing', undefined],
    ['a text', 'text'],
    ['no list', { SellStock: [{ $ne: null }] }],
    ['a list of lists', [['order']]],
    ['no receiver', [{ receiver: { name: '$' }, orderIds: ['order'] }]],
    ['no time since when', [{ ...entry, since: 1e300, retryAt: 0 }]],
    ['no time to try again', [{ ...entry, retryAt: -1 }]],
    ['an id that no outbox takes', ['order'.repeat(100)]],
    ['no ids', [{ receiver: INVENTORY, orderIds: [{ $ne: null }] }]],
    [
      'what is no announcement',
      [{ receiver: INVENTORY, item: {}, since: 0, failures: 0, lastError: '', retryAt: 0 }],
    ],
  ])('is dropped where it makes no sense: %s', (_, left) => {
    expect(carriedOver(left, left, left)).toEqual({ ...NOTHING, unconfirmed: [] });
  });
});

function orderNumbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
