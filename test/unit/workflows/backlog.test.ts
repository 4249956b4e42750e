import { describe, expect, test } from 'vitest';
import { Backlog, type Carried, type CarryLimits, carriedOver } from '../../../workflows/exchange/backlog.ts';

const NOTHING: Carried<string> = { waiting: [], unkept: {} };
const failed = new Map([['order', 'the database is down']]);

/** One that ranks as the mailbox does, with a clock that a test sets. */
function backlogOf(carried = NOTHING) {
  const clock = { now: 0 };
  const outranks = (type: string, other: string) => other === 'ReserveStock' && type !== 'ReserveStock';
  return { clock, backlog: new Backlog<string>(carried, outranks, () => clock.now) };
}

describe('of the messages of one order', () => {
  test.each(['SellStock', 'ReleaseStock'])(
    '%s that fails is put back, though a late copy of the request came while it was being handled',
    (decision) => {
      const { backlog, clock } = backlogOf();
      backlog.add('order', decision, decision);
      expect(backlog.take(25)).toEqual([decision]);
      backlog.add('order', 'ReserveStock', 'late copy');
      backlog.putBack(failed);
      clock.now = 500;
      expect(backlog.take(25)).toEqual([decision]);
      backlog.putBack(new Map());
      expect(backlog.views()).toEqual([]);
    },
  );

  test.each(['SellStock', 'ReleaseStock'])(
    'a request that fails gives way to %s, which came while it was being handled',
    (decision) => {
      const { backlog, clock } = backlogOf();
      backlog.add('order', 'ReserveStock', 'request');
      backlog.take(25);
      backlog.add('order', decision, decision);
      backlog.putBack(failed);
      clock.now = 500;
      expect(backlog.take(25)).toEqual([decision]);
    },
  );

  test.each(['SellStock', 'ReleaseStock'])(
    '%s that waits outranks a late copy of the request',
    (decision) => {
      const { backlog } = backlogOf();
      backlog.add('order', decision, decision);
      backlog.add('order', 'ReserveStock', 'late copy');
      expect(backlog.take(25)).toEqual([decision]);
    },
  );

  test.each(['SellStock', 'ReleaseStock'])('%s that was not kept outranks a late copy, too', (decision) => {
    const { backlog } = backlogOf({ waiting: [], unkept: { [decision]: ['order'] } });
    backlog.add('order', 'ReserveStock', 'late copy');
    expect(backlog.take(25)).toEqual([]);
    expect(backlog.unkeptToAsk()).toEqual(['order']);
    backlog.add('order', decision, decision);
    expect(backlog.take(25)).toEqual([decision]);
    expect(backlog.unkeptCount).toBe(0);
  });

  test('the newer of two of one rank is handled, whichever has failed', () => {
    const { backlog, clock } = backlogOf();
    backlog.add('order', 'SellStock', 'first');
    backlog.take(25);
    backlog.add('order', 'SellStock', 'again');
    backlog.putBack(failed);
    clock.now = 500;
    expect(backlog.take(25)).toEqual(['again']);
  });

  test('what outranks is carried along where a run ends while both are there', () => {
    const { backlog } = backlogOf();
    backlog.add('order', 'ReserveStock', 'request');
    backlog.take(25);
    backlog.add('order', 'ReleaseStock', 'release');
    expect(backlog.carry().waiting.map(({ item }) => item)).toEqual(['release']);
  });
});

describe('what a run leaves to the next one', () => {
  const limits: CarryLimits = { items: 1_000, ids: 400 };

  test('fits into its limits, and names the orders of what it leaves out', () => {
    const { backlog, clock } = backlogOf();
    for (const index of orderNumbers(60)) {
      clock.now = index;
      backlog.add(`order-${index}`, 'ReserveStock', 'x'.repeat(100));
    }
    backlog.take(25);
    const { waiting, unkept } = backlog.carry(limits);
    expect(waiting.length).toBeGreaterThan(0);
    expect(JSON.stringify(waiting).length).toBeLessThanOrEqual(limits.items + 2);
    expect(JSON.stringify(unkept.ReserveStock).length).toBeLessThanOrEqual(limits.ids + 2);
    const kept = waiting.map(({ orderId }) => orderId);
    expect([...kept, ...(unkept.ReserveStock ?? [])]).toEqual(
      orderNumbers(kept.length + (unkept.ReserveStock ?? []).length).map((index) => `order-${index}`),
    );
  });

  test('of 36,000 orders in one mailbox, an hour of ten a second, is less than Temporal takes', () => {
    const { backlog } = backlogOf();
    for (const _ of orderNumbers(36_000)) {
      const orderId = crypto.randomUUID();
      backlog.add(orderId, 'ReserveStock', 'x'.repeat(1_000));
    }
    const { waiting, unkept } = backlog.carry();
    expect(waiting.length + (unkept.ReserveStock ?? []).length).toBe(36_000);
    expect(JSON.stringify([waiting, unkept]).length).toBeLessThan(2_000_000);
  });

  test('is asked for a part at a time, as there is room, until each order has said it again', () => {
    const orderIds = orderNumbers(1_000).map((index) => `order-${index}`);
    const { backlog } = backlogOf({ waiting: [], unkept: { ReserveStock: orderIds } });
    const told: string[] = [];
    for (let most = 0; backlog.isReady(); most = Math.max(most, backlog.views().length)) {
      const asked = backlog.unkeptToAsk();
      for (const orderId of asked) backlog.asked(orderId);
      expect(backlog.unkeptToAsk(), 'nobody is asked twice at once').toEqual([]);
      for (const orderId of asked) backlog.add(orderId, 'ReserveStock', orderId);
      expect(backlog.views().length).toBeLessThanOrEqual(125);
      told.push(...backlog.take(25));
      backlog.putBack(new Map());
    }
    expect(told.toSorted()).toEqual(orderIds.toSorted());
  });

  test('is asked for again where no answer has come for a minute, and given up where nobody is there', () => {
    const { backlog, clock } = backlogOf({ waiting: [], unkept: { SellStock: ['slow', 'gone'] } });
    expect(backlog.unkeptToAsk()).toEqual(['slow', 'gone']);
    backlog.asked('slow');
    backlog.forget('gone');
    expect(backlog.isReady()).toBe(false);
    expect(backlog.nextAt()).toBe(60_000);
    clock.now = 60_000;
    expect(backlog.unkeptToAsk()).toEqual(['slow']);
  });

  test('is shown like what is kept', () => {
    const { backlog } = backlogOf({ waiting: [], unkept: { SellStock: ['order'] } });
    expect(backlog.allViews()).toMatchObject([{ orderId: 'order', type: 'SellStock', failures: 0 }]);
  });

  test.each([
    ['nothing', undefined],
    ['a text', 'text'],
    ['no ids', { SellStock: [{ $ne: null }] }],
    ['a list', [['order']]],
  ])('is dropped where it makes no sense: %s', (_, unkept) => {
    expect(carriedOver([], unkept, String)).toEqual(NOTHING);
  });
});

function orderNumbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
