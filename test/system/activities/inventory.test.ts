import fc from 'fast-check';
import type { Collection } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LateHold } from '../../../activities/dependencies.ts';
import type { InventoryCollections } from '../../../activities/inventory/documents.ts';
import { createInventory } from '../../../activities/inventory/participant.ts';
import type { FailureCode } from '../../../domain/errors.ts';
import type { Line } from '../../../domain/order.ts';
import type { Participant } from '../../../domain/participant.ts';
import { DEFAULT_STRATEGY, type Strategy, strategies } from '../../../domain/strategies.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { checkedStock, collectionsOf, stocked, wholeInventory } from '../../support/inventory.ts';
import { answerOf, requestOf, rollbackOf } from '../../support/requests.ts';
import { sequencesOf } from '../../support/sequences.ts';

let testDatabase: TestDatabase;
let collections: InventoryCollections;

beforeAll(async () => {
  testDatabase = await openDatabase();
  collections = collectionsOf(testDatabase.database);
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const collection of Object.values(collections)) await collection.deleteMany({});
});

const steps = ['prepare', 'commit', 'rollback'] as const;
type Step = (typeof steps)[number];

/** The promise table, as the simplest code that keeps it: one caller at a time, nothing lost, nothing late. */
class Model {
  readonly available: Map<string, number>;
  readonly sold = new Map<string, number>();
  private readonly refusesForGood: boolean;
  private readonly orders = new Map<
    string,
    { held: Line[]; state: 'undecided' | 'prepared' | 'committed' | 'rolled back' }
  >();

  /** @param refusesForGood Where there is no coordinator to roll back, a no is final as it is said. */
  constructor(units: Readonly<Record<string, number>>, refusesForGood: boolean) {
    this.refusesForGood = refusesForGood;
    this.available = new Map(Object.entries(units));
  }

  answer(step: Step, orderId: string, lines: readonly Line[]): 'ok' | FailureCode {
    const order = this.orders.get(orderId);
    if (step === 'prepare') return this.prepare(orderId, lines);
    if (step === 'commit') {
      if (order?.state === 'committed') return 'ok';
      if (order?.state !== 'prepared') return 'ProtocolViolation';
      for (const { sku, quantity } of order.held) this.sold.set(sku, (this.sold.get(sku) ?? 0) + quantity);
      this.orders.set(orderId, { held: [], state: 'committed' });
      return 'ok';
    }
    if (order?.state === 'committed') return 'ProtocolViolation';
    this.rollBack(orderId);
    return 'ok';
  }

  private rollBack(orderId: string): void {
    for (const { sku, quantity } of this.orders.get(orderId)?.held ?? []) this.add(sku, quantity);
    this.orders.set(orderId, { held: [], state: 'rolled back' });
  }

  private prepare(orderId: string, lines: readonly Line[]): 'ok' | FailureCode {
    const order = this.orders.get(orderId) ?? { held: [], state: 'undecided' };
    if (order.state === 'committed' || order.state === 'rolled back') return 'LateArrival';
    this.orders.set(orderId, order);
    for (const line of lines) {
      if (order.held.some(({ sku }) => sku === line.sku)) continue;
      if ((this.available.get(line.sku) ?? 0) < line.quantity) {
        if (this.refusesForGood) this.rollBack(orderId);
        return 'OutOfStock';
      }
      this.add(line.sku, -line.quantity);
      order.held.push(line);
    }
    order.state = 'prepared';
    return 'ok';
  }

  private add(sku: string, quantity: number): void {
    this.available.set(sku, (this.available.get(sku) ?? 0) + quantity);
  }
}

function send(
  inventory: Participant,
  step: Step,
  orderId: string,
  lines: readonly Line[],
  strategy: Strategy = DEFAULT_STRATEGY,
) {
  const request = requestOf(orderId, lines, 'run-1', strategy);
  return answerOf(step === 'rollback' ? inventory.rollback(rollbackOf(request)) : inventory[step](request));
}

describe.each(strategies)('what the inventory promises: %s', (strategy) => {
  const refusesForGood = strategy !== 'two-phase';
  // The strategies differ in a refusal alone.
  const numRuns = strategy === DEFAULT_STRATEGY ? 30 : 8;

  test('every row of the promise table, in every order of arrival', async () => {
    const units = { SKU: 1_000 };
    const inventory = await stocked(collections, units);
    const model = new Model(units, refusesForGood);
    const lines = [{ sku: 'SKU', quantity: 2 }];
    for (const sequence of sequencesOf(steps, 4)) {
      const orderId = sequence.join('.');
      for (const step of sequence) {
        const answer = await send(inventory, step, orderId, lines, strategy);
        expect(answer, `${step} in ${orderId}`).toBe(model.answer(step, orderId, lines));
      }
    }
    const [document] = await checkedStock(collections);
    expect(document).toMatchObject({ available: model.available.get('SKU'), sold: model.sold.get('SKU') });
  });

  const units = { A: 5, B: 4 };
  const orders: Record<string, readonly Line[]> = {
    one: [{ sku: 'A', quantity: 2 }],
    two: [
      { sku: 'A', quantity: 3 },
      { sku: 'B', quantity: 1 },
    ],
    three: [{ sku: 'B', quantity: 3 }],
    four: [
      { sku: 'A', quantity: 1 },
      { sku: 'B', quantity: 2 },
    ],
    five: [{ sku: 'B', quantity: 4 }],
    six: [{ sku: 'A', quantity: 5 }],
  };
  const calls = fc.record({
    step: fc.constantFrom(...steps),
    orderId: fc.constantFrom(...Object.keys(orders)),
  });

  test('any sequence of calls gets the answers of the model, and leaves its stock', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(calls, { minLength: 5, maxLength: 25 }), async (sequence) => {
        for (const collection of Object.values(collections)) await collection.deleteMany({});
        const inventory = await stocked(collections, units);
        const model = new Model(units, refusesForGood);
        for (const { step, orderId } of sequence) {
          const lines = orders[orderId] ?? [];
          const answer = await send(inventory, step, orderId, lines, strategy);
          expect(answer).toBe(model.answer(step, orderId, lines));
          await checkedStock(collections);
        }
        for (const { _id, available, sold } of await checkedStock(collections)) {
          expect({ available, sold }).toEqual({
            available: model.available.get(_id),
            sold: model.sold.get(_id) ?? 0,
          });
        }
      }),
      { numRuns },
    );
  });

  test('calls that run at once keep the invariants, and nobody is told two decisions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(calls, { minLength: 2, maxLength: 12 }), { minLength: 2, maxLength: 4 }),
        async (batches) => {
          for (const collection of Object.values(collections)) await collection.deleteMany({});
          const inventory = await stocked(collections, units);
          const committed = new Set<string>();
          const rolledBack = new Set<string>();
          for (const batch of batches) {
            await Promise.all(
              batch.map(async ({ step, orderId }) => {
                const answer = await send(inventory, step, orderId, orders[orderId] ?? [], strategy);
                if (answer === 'ok' && step === 'commit') committed.add(orderId);
                if (answer === 'ok' && step === 'rollback') rolledBack.add(orderId);
              }),
            );
            // Nobody calls again after a rollback was answered, so it must have left nothing behind.
            const holders = (await checkedStock(collections)).flatMap(({ holds }) =>
              holds.map(({ orderId }) => orderId),
            );
            expect(holders.filter((orderId) => rolledBack.has(orderId) || committed.has(orderId))).toEqual(
              [],
            );
          }
          expect([...committed].filter((orderId) => rolledBack.has(orderId))).toEqual([]);
          await settleTheRest(inventory, committed);
          for (const { _id, reserved, sold } of await checkedStock(collections)) {
            const expected = [...committed]
              .flatMap((orderId) => orders[orderId] ?? [])
              .filter(({ sku }) => sku === _id)
              .reduce((sum, { quantity }) => sum + quantity, 0);
            expect({ reserved, sold }).toEqual({ reserved: 0, sold: expected });
          }
        },
      ),
      { numRuns },
    );

    async function settleTheRest(
      inventory: ReturnType<typeof wholeInventory>,
      committed: ReadonlySet<string>,
    ) {
      for (const orderId of Object.keys(orders)) {
        const step = committed.has(orderId) ? 'commit' : 'rollback';
        expect(await send(inventory, step, orderId, orders[orderId] ?? [], strategy)).toBe('ok');
      }
    }
  });

  test('400 orders at once on 300 units sell exactly 300', async () => {
    const inventory = await stocked(collections, { HOT: 300 });
    const lines = [{ sku: 'HOT', quantity: 1 }];
    const orderIds = Array.from({ length: 400 }, (_, index) => `order-${index}`);
    const votes = await Promise.all(
      orderIds.map(async (orderId) => ({
        orderId,
        answer: await send(inventory, 'prepare', orderId, lines, strategy),
      })),
    );
    expect(votes.filter(({ answer }) => answer === 'ok')).toHaveLength(300);
    expect(votes.filter(({ answer }) => answer === 'OutOfStock')).toHaveLength(100);
    await Promise.all(
      votes.map(({ orderId, answer }) =>
        send(inventory, answer === 'ok' ? 'commit' : 'rollback', orderId, lines, strategy),
      ),
    );
    const [document] = await checkedStock(collections);
    expect(document).toMatchObject({ available: 0, reserved: 0, sold: 300, holds: [] });
  });
});

test('an SKU takes so many holds and no more, however many orders come at once, until some are settled', async () => {
  const inventory = await stocked(collections, { A: 100, B: 100 }, { maximumHolds: 20 });
  const lines = [
    { sku: 'A', quantity: 1 },
    { sku: 'B', quantity: 1 },
  ];
  // One order holds B alone, so that one of the others finds room in A and none in B.
  expect(await send(inventory, 'prepare', 'first', lines.slice(1))).toBe('ok');
  const votes = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const orderId = `order-${index}`;
      return { orderId, answer: await send(inventory, 'prepare', orderId, lines) };
    }),
  );
  const idsOf = (wanted: FailureCode | 'ok') =>
    votes.filter(({ answer }) => answer === wanted).map(({ orderId }) => orderId);
  expect([idsOf('ok').length, idsOf('TooManyHolds').length]).toEqual([19, 31]);
  expect((await checkedStock(collections)).map(({ holds }) => holds.length)).toEqual([20, 20]);

  const [sold = '', given = '', ...others] = idsOf('ok');
  const refused = idsOf('TooManyHolds');
  // Asked again, an order that holds already needs no room.
  expect(await send(inventory, 'prepare', sold, lines)).toBe('ok');
  expect(await send(inventory, 'commit', sold, lines)).toBe('ok');
  expect(await send(inventory, 'rollback', given, lines)).toBe('ok');
  for (const orderId of refused.slice(1))
    expect(await send(inventory, 'rollback', orderId, lines)).toBe('ok');
  expect(await send(inventory, 'prepare', refused[0] ?? '', lines)).toBe('ok');
  for (const orderId of [...others, refused[0] ?? ''])
    expect(await send(inventory, 'commit', orderId, lines)).toBe('ok');
  expect(await send(inventory, 'rollback', 'first', lines.slice(1))).toBe('ok');
  const left = { reserved: 0, sold: 19, available: 81, holds: [] };
  expect(await checkedStock(collections)).toMatchObject([left, left]);
});

test('a rollback beside a running prepare leaves nothing held, and nothing in the document for long', async () => {
  const limits = { attemptLifetime: 2_000, writeLimit: 5_000, tombstoneMargin: 0 };
  const inventory = await stocked(collections, { A: 1_000, B: 1_000 }, limits);
  const lines = [
    { sku: 'A', quantity: 1 },
    { sku: 'B', quantity: 1 },
  ];
  const orderIds = Array.from({ length: 400 }, (_, index) => `order-${index}`);
  await Promise.all(
    orderIds.map(async (orderId) => {
      const prepare = send(inventory, 'prepare', orderId, lines);
      // Where the two meet in the very same moment, the coordinator tries again, and so does this.
      while ((await send(inventory, 'rollback', orderId, lines)) !== 'ok');
      expect(['ok', 'LateArrival', 'AttemptExpired']).toContain(await prepare);
    }),
  );
  expect(await checkedStock(collections)).toMatchObject([
    { available: 1_000, reserved: 0, holds: [] },
    { available: 1_000, reserved: 0, holds: [] },
  ]);
  let receipts = 0;
  await expect
    .poll(async () => {
      receipts += 1; // one that was counted before writes nothing, and so prunes nothing
      await inventory.receive({ receiptId: `again-${receipts}`, sku: 'A', quantity: 1 });
      const [document] = await checkedStock(collections);
      return document?.settled.length;
    })
    .toBeLessThan(3);
});

describe('attempts that were given up but still run', () => {
  const lines = [{ sku: 'SKU', quantity: 2 }];

  /** The collection, with its `updateOne` done differently. */
  function intercepted<Document extends object>(
    collection: Collection<Document>,
    instead: (original: () => Promise<unknown>) => Promise<unknown>,
  ): Collection<Document> {
    return new Proxy(collection, {
      get(target, property) {
        const value = Reflect.get(target, property, target) as unknown;
        if (typeof value !== 'function') return value;
        if (property !== 'updateOne') return value.bind(target);
        return (...args: unknown[]) => instead(() => value.apply(target, args));
      },
    });
  }

  /** An inventory whose writes to stock wait at a gate: an attempt that hangs after it was let in. */
  function paused(limits?: Parameters<typeof wholeInventory>[1], reservations = collections.reservations) {
    const gate = createGate();
    const reached = createGate();
    const stock = intercepted(collections.stock, async (write) => {
      reached.open();
      await gate.opened;
      return write();
    });
    const inventory = wholeInventory({ ...collections, stock, reservations }, limits);
    return { inventory, reached: reached.opened, resume: gate.open };
  }

  test.each(['commit', 'rollback'] as const)(
    'change nothing after their successor and the %s',
    async (decision) => {
      const inventory = await stocked(collections, { SKU: 10 });
      const late = paused();
      const lateAnswer = send(late.inventory, 'prepare', 'order', lines);
      await late.reached;
      expect(await send(inventory, 'prepare', 'order', lines)).toBe('ok');
      expect(await send(inventory, decision, 'order', lines)).toBe('ok');
      const before = await checkedStock(collections);
      late.resume();
      expect(await lateAnswer).toBe('LateArrival');
      expect(await checkedStock(collections)).toEqual(before);
    },
  );

  test('change nothing after a rollback that found no hold', async () => {
    const inventory = await stocked(collections, { SKU: 10 });
    const late = paused();
    const lateAnswer = send(late.inventory, 'prepare', 'order', lines);
    await late.reached;
    expect(await send(inventory, 'rollback', 'order', lines)).toBe('ok');
    late.resume();
    expect(await lateAnswer).toBe('LateArrival');
    expect(await checkedStock(collections)).toMatchObject([{ available: 10, reserved: 0, holds: [] }]);
  });

  test('change nothing after the tombstone is pruned, because their time is up', async () => {
    const limits = { attemptLifetime: 100, writeLimit: 100, tombstoneMargin: 100 };
    const inventory = await stocked(collections, { SKU: 10 }, limits);
    const late = paused(limits);
    const lateAnswer = send(late.inventory, 'prepare', 'order', lines);
    await late.reached;
    expect(await send(inventory, 'rollback', 'order', lines)).toBe('ok');
    let others = 0;
    await expect
      .poll(async () => {
        others += 1;
        const orderId = `other-${others}`;
        await send(inventory, 'prepare', orderId, [{ sku: 'SKU', quantity: 1 }]);
        await send(inventory, 'rollback', orderId, [{ sku: 'SKU', quantity: 1 }]);
        const [document] = await checkedStock(collections);
        return document?.settled.map(({ id }) => id);
      })
      .not.toContain('order');
    late.resume();
    expect(await lateAnswer).toBe('AttemptExpired');
    expect(await checkedStock(collections)).toMatchObject([{ available: 10, reserved: 0, holds: [] }]);
  });

  test('sell nothing a second time, however late their hold lands; it is released and told of', async () => {
    const limits = { attemptLifetime: 60_000, writeLimit: 100, tombstoneMargin: -60_000 };
    await stocked(collections, { SKU: 10 }, limits);
    const late: LateHold[] = [];
    const inventory = createInventory(collections, limits, (hold) => late.push(hold));
    const hanging = paused(limits);
    void send(hanging.inventory, 'prepare', 'order', lines).catch(() => {});
    await hanging.reached;
    expect(await send(inventory, 'prepare', 'order', lines)).toBe('ok');
    expect(await send(inventory, 'commit', 'order', lines)).toBe('ok');
    // The tombstone's time is up at once here, and another order takes it away.
    await expect
      .poll(async () => {
        await send(inventory, 'prepare', `other-${Date.now()}`, [{ sku: 'SKU', quantity: 1 }]);
        return (await checkedStock(collections))[0]?.settled;
      })
      .toEqual([]);
    const reservation = await collections.reservations.findOne({ _id: 'order' });
    expect(reservation).toMatchObject({ attempts: 2, ended: 1, heldBy: [2] });
    // As the first attempt's hold, which began before its deadline.
    await collections.stock.updateOne(
      { _id: 'SKU' },
      {
        $inc: { available: -2, reserved: 2 },
        $push: { holds: { orderId: 'order', quantity: 2, attempt: 1 } },
      },
    );
    expect(await send(inventory, 'commit', 'order', lines)).toBe('ok');
    expect(await checkedStock(collections)).toMatchObject([{ sold: 2 }]);
    expect(late).toEqual([{ orderId: 'order', sku: 'SKU', quantity: 2 }]);
  });

  test('hold nothing for ever, where they die right after a write between the steps of the rollback', async () => {
    await stocked(collections, { SKU: 10 });
    const dying = createGate(); // never opened: this attempt gets no further than its hold
    const held = createGate();
    const reservations = intercepted(collections.reservations, async (write) => {
      held.open();
      await dying.opened;
      return write();
    });
    const late = paused(undefined, reservations);
    void send(late.inventory, 'prepare', 'order', lines);
    await late.reached;
    let writes = 0;
    const stock = intercepted(collections.stock, async (write) => {
      const result = await write();
      writes += 1;
      if (writes === 1) {
        late.resume();
        await held.opened;
      }
      return result;
    });
    const inventory = wholeInventory({ ...collections, stock });
    expect(await send(inventory, 'rollback', 'order', lines)).toBe('ok');
    expect(await checkedStock(collections)).toMatchObject([{ available: 10, reserved: 0, holds: [] }]);
  });

  test('give back what they hold before a SKU that nobody knows', async () => {
    const inventory = await stocked(collections, { SKU: 10 });
    const late = paused();
    const unknown = [
      { sku: 'NEW', quantity: 1 },
      { sku: 'UNKNOWN', quantity: 1 },
    ];
    const lateAnswer = send(late.inventory, 'prepare', 'order', unknown);
    await late.reached;
    expect(await send(inventory, 'rollback', 'order', unknown)).toBe('ok');
    await inventory.receive({ receiptId: 'new', sku: 'NEW', quantity: 1 });
    late.resume();
    expect(await lateAnswer).toBe('UnknownSku');
    expect(await checkedStock(collections)).toMatchObject([
      { _id: 'NEW', available: 1, holds: [] },
      { _id: 'SKU' },
    ]);
  });

  test('give back what they hold of a SKU that the inventory learned of meanwhile', async () => {
    const inventory = await stocked(collections, { SKU: 10 });
    const late = paused();
    const unknown = [{ sku: 'NEW', quantity: 1 }];
    const lateAnswer = send(late.inventory, 'prepare', 'order', unknown);
    await late.reached;
    expect(await send(inventory, 'rollback', 'order', unknown)).toBe('ok'); // nowhere to leave a tombstone
    await inventory.receive({ receiptId: 'new', sku: 'NEW', quantity: 1 });
    late.resume();
    expect(await lateAnswer).toBe('LateArrival');
    expect(await checkedStock(collections)).toMatchObject([
      { _id: 'NEW', available: 1, holds: [] },
      { _id: 'SKU' },
    ]);
  });
});

describe('a second coordinator for the same order id', () => {
  const lines = [{ sku: 'SKU', quantity: 2 }];
  const first = requestOf('order', lines, 'run-1');
  const second = requestOf('order', lines, 'run-2');

  test('changes nothing of what the first left undecided', async () => {
    const inventory = await stocked(collections, { SKU: 10 });
    await inventory.prepare(first);
    expect(await answerOf(inventory.prepare(second))).toBe('LeftUndecided');
    expect(await answerOf(inventory.commit(second))).toBe('LeftUndecided');
    expect(await answerOf(inventory.rollback(rollbackOf(second)))).toBe('ok');
    expect(await checkedStock(collections)).toMatchObject([{ reserved: 2, sold: 0 }]);
    await inventory.commit(first);
    expect(await checkedStock(collections)).toMatchObject([{ available: 8, sold: 2, holds: [] }]);
  });

  test.each(['commit', 'rollback'] as const)(
    'can %s that only where it says that it takes over',
    async (step) => {
      const inventory = await stocked(collections, { SKU: 10 });
      await inventory.prepare(first);
      const takesOver = { ...second, takesOver: true };
      await (step === 'commit' ? inventory.commit(takesOver) : inventory.rollback(rollbackOf(takesOver)));
      const sold = step === 'commit' ? 2 : 0;
      expect(await checkedStock(collections)).toMatchObject([{ available: 10 - sold, reserved: 0, sold }]);
      expect(await answerOf(inventory.prepare(first))).not.toBe('ok');
    },
  );

  test('changes nothing of what the first decided', async () => {
    const inventory = await stocked(collections, { SKU: 10 });
    await inventory.prepare(first);
    await inventory.commit(first);
    expect(await answerOf(inventory.prepare(second))).toBe('AlreadyDecided');
    expect(await answerOf(inventory.rollback(rollbackOf(second)))).toBe('ok');
    const takesOver = { ...rollbackOf(second), takesOver: true };
    expect(await answerOf(inventory.rollback(takesOver))).toBe('ProtocolViolation');
    expect(await checkedStock(collections)).toMatchObject([{ available: 8, sold: 2, holds: [] }]);
  });

  test('with other content touches nothing of the first', async () => {
    const inventory = await stocked(collections, { SKU: 10 });
    await inventory.prepare(first);
    const other = requestOf('order', [{ sku: 'SKU', quantity: 3 }], 'run-1');
    expect(await answerOf(inventory.prepare(other))).toBe('OrderIdTaken');
    expect(await answerOf(inventory.commit(other))).toBe('ProtocolViolation');
    expect(await answerOf(inventory.rollback(rollbackOf(other)))).toBe('ok');
    expect(await checkedStock(collections)).toMatchObject([
      { reserved: 2, holds: [{ orderId: 'order', quantity: 2 }] },
    ]);
    await inventory.commit(first);
  });
});

describe('the stock document', () => {
  test('does not grow with the orders that it ever saw', async () => {
    const inventory = await stocked(collections, { SKU: 1_000 });
    for (let index = 0; index < 60; index += 1) {
      const orderId = `order-${index}`;
      await send(inventory, 'prepare', orderId, [{ sku: 'SKU', quantity: 1 }]);
      await send(inventory, index % 2 === 0 ? 'commit' : 'rollback', orderId, [{ sku: 'SKU', quantity: 1 }]);
    }
    const [document] = await checkedStock(collections);
    expect(document?.holds).toEqual([]);
    expect(document?.settled).toEqual([]);
  });

  test('forgets tombstones whose time is past, also beside one that has no end', async () => {
    const inventory = await stocked(collections, { SKU: 1 });
    const past = { id: 'past', until: new Date(0) };
    const endless = { id: 'endless', until: null };
    await collections.stock.updateOne({ _id: 'SKU' }, { $set: { settled: [endless, past] } });
    await inventory.receive({ receiptId: 'more', sku: 'SKU', quantity: 1 });
    expect(await checkedStock(collections)).toMatchObject([{ settled: [endless] }]);
  });

  test('does not grow with the orders that it refused', async () => {
    const inventory = await stocked(collections, { SKU: 1 });
    for (let index = 0; index < 60; index += 1) {
      const lines = [{ sku: 'SKU', quantity: 2 }];
      expect(await send(inventory, 'prepare', `order-${index}`, lines)).toBe('OutOfStock');
      expect(await send(inventory, 'rollback', `order-${index}`, lines)).toBe('ok');
    }
    const [document] = await checkedStock(collections);
    expect(document?.settled).toEqual([]);
  });

  test('forgets what is past, deliveries too', async () => {
    const inventory = wholeInventory(collections, {
      attemptLifetime: 5_000,
      writeLimit: 100,
      tombstoneMargin: 0,
    });
    for (let index = 0; index < 20; index += 1) {
      await inventory.receive({ receiptId: `r-${index}`, sku: 'SKU', quantity: 1 });
    }
    await expect
      .poll(
        async () => {
          await inventory.receive({ receiptId: `now-${Date.now()}`, sku: 'SKU', quantity: 1 });
          const [document] = await checkedStock(collections);
          return document?.arriving?.some(({ receiptId }) => receiptId === 'r-19') ?? false;
        },
        { interval: 500 },
      )
      .toBe(false);
  });

  test('counts a delivery once, however often and however concurrently it is reported', async () => {
    const inventory = wholeInventory(collections);
    const receipts = Array.from({ length: 20 }, (_, index) => ({
      receiptId: `r-${index % 4}`,
      sku: 'SKU',
      quantity: 3,
    }));
    await expect
      .poll(
        async () =>
          new Set(await Promise.all(receipts.map((receipt) => answerOf(inventory.receive(receipt))))),
      )
      .toEqual(new Set(['ok']));
    expect(await checkedStock(collections)).toMatchObject([{ available: 12, received: 12 }]);
  });

  test('refuses more than a safe integer can count', async () => {
    const inventory = await stocked(collections, { SKU: Number.MAX_SAFE_INTEGER });
    const receipt = { receiptId: 'more', sku: 'SKU', quantity: 1 };
    expect(await answerOf(inventory.receive(receipt))).toBe('StockLimit');
    expect(await checkedStock(collections)).toMatchObject([{ available: Number.MAX_SAFE_INTEGER }]);
  });
});

describe('requests that skipped the client', () => {
  test.each([
    [
      'an operator as order id',
      { orderId: { $ne: null }, customerId: 'c', lines: [{ sku: 'SKU', quantity: 1 }] },
    ],
    ['an operator as SKU', { orderId: 'o', customerId: 'c', lines: [{ sku: { $gt: '' }, quantity: 1 }] }],
    ['a leading dollar', { orderId: '$where', customerId: 'c', lines: [{ sku: 'SKU', quantity: 1 }] }],
    ['a negative quantity', { orderId: 'o', customerId: 'c', lines: [{ sku: 'SKU', quantity: -1 }] }],
    ['a fraction', { orderId: 'o', customerId: 'c', lines: [{ sku: 'SKU', quantity: 0.5 }] }],
    [
      'more than a safe integer',
      { orderId: 'o', customerId: 'c', lines: [{ sku: 'SKU', quantity: 2 ** 53 }] },
    ],
    ['no lines', { orderId: 'o', customerId: 'c', lines: [] }],
  ])('are refused before anything is written: %s', async (_name, order) => {
    const inventory = await stocked(collections, { SKU: 10 });
    const request = { ...requestOf('o', []), order } as unknown as ReturnType<typeof requestOf>;
    expect(await answerOf(inventory.prepare(request))).toBe('InvalidInput');
    expect(await answerOf(inventory.commit(request))).toBe('InvalidInput');
    expect(await answerOf(inventory.rollback(rollbackOf(request)))).toBe('InvalidInput');
    expect(await collections.reservations.countDocuments()).toBe(0);
    expect(await checkedStock(collections)).toMatchObject([{ available: 10, holds: [] }]);
  });
});
