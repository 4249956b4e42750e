import type { Collection } from 'mongodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOrders, type OrderDocument } from '../../../activities/orders/participant.ts';
import { ConcordError } from '../../../domain/errors.ts';
import type { DecideRequest } from '../../../domain/participant.ts';
import { DEFAULT_STRATEGY, type Strategy, strategies } from '../../../domain/strategies.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { expectEveryRow, expectOneSettlement, type State, type Step, steps } from '../../support/promises.ts';
import { answerOf, confirmedOf, requestOf, rollbackOf } from '../../support/requests.ts';

const lines = [{ sku: 'SKU', quantity: 2 }];
const otherLines = [{ sku: 'SKU', quantity: 3 }];

let testDatabase: TestDatabase;
let collection: Collection<OrderDocument>;
let orders: ReturnType<typeof createOrders>;

beforeAll(async () => {
  testDatabase = await openDatabase();
  collection = testDatabase.database.collection('orders');
  orders = createOrders(collection);
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

beforeEach(() => collection.deleteMany({}));

let strategy: Strategy = DEFAULT_STRATEGY;

function send(step: Step, orderId: string, coordinatorId = 'run-1', content = lines) {
  const request = requestOf(orderId, content, coordinatorId, strategy);
  if (step === 'prepare') return answerOf(orders.prepare(request));
  return answerOf(decideAs(step === 'commit' ? confirmedOf(request) : rollbackOf(request)));
}

/** Who is told another outcome than it asked for was refused. */
async function decideAs(request: DecideRequest): Promise<void> {
  const { orderId, status } = await orders.decide(request);
  if (status === request.status) return;
  throw new ConcordError('ProtocolViolation', {
    ...{ participant: 'orders', orderId, asked: request.status, found: status },
  });
}

async function statusOf(orderId: string): Promise<string> {
  return (await collection.findOne({ _id: orderId }))?.status ?? 'none';
}

async function stateOf(orderId: string): Promise<State> {
  const states: Readonly<Record<string, State>> = {
    ...{ pending: 'prepared', confirmed: 'committed', cancelled: 'rolled back' },
  };
  return states[await statusOf(orderId)] ?? 'none';
}

describe.each(strategies)('what the order service promises: %s', (promisedIn) => {
  beforeEach(() => {
    strategy = promisedIn;
  });

  afterEach(() => {
    strategy = DEFAULT_STRATEGY;
  });

  test('every row of the promise table, in every order of arrival', () => expectEveryRow({ send, stateOf }));

  test('calls that run at once settle an order once, and tell nobody otherwise', () =>
    expectOneSettlement({ send, stateOf }));

  test('an order that is rolled back says how it ended, and why', async () => {
    const request = requestOf('order', lines);
    const reason = { code: 'OutOfStock', message: 'SKU is out of stock', details: { sku: 'SKU' } };
    await orders.decide({ ...request, status: 'rejected', reason });
    expect(await orders.findOrder('order')).toMatchObject({
      status: 'rejected',
      reason,
      lines,
      customerId: 'customer',
    });
  });
});

describe('a second coordinator for the same order id', () => {
  test('changes nothing of what the first left undecided', async () => {
    await send('prepare', 'order', 'run-1');
    for (const step of steps) expect(await send(step, 'order', 'run-2')).toBe('LeftUndecided');
    expect(await statusOf('order')).toBe('pending');
    expect(await send('commit', 'order', 'run-1')).toBe('ok');
  });

  test.each(['commit', 'rollback'] as const)(
    'can %s that only where it says that it takes over',
    async (step) => {
      await send('prepare', 'order', 'run-1');
      const request = { ...requestOf('order', lines, 'run-2'), takesOver: true };
      await orders.decide(step === 'commit' ? confirmedOf(request) : rollbackOf(request));
      expect(await statusOf('order')).toBe(step === 'commit' ? 'confirmed' : 'cancelled');
      expect(await send('commit', 'order', 'run-1')).toBe(step === 'commit' ? 'ok' : 'ProtocolViolation');
    },
  );

  test('is told what the first decided, and changes nothing of it', async () => {
    await send('prepare', 'order', 'run-1');
    await send('commit', 'order', 'run-1');
    expect(await send('prepare', 'order', 'run-2')).toBe('AlreadyDecided');
    expect(await orders.decide(rollbackOf(requestOf('order', lines, 'run-2')))).toEqual({
      ...{ orderId: 'order', status: 'confirmed', joined: true },
    });
    const resolution = { ...rollbackOf(requestOf('order', lines, 'run-3')), takesOver: true };
    expect(await orders.decide(resolution)).toEqual({ orderId: 'order', status: 'confirmed' });
    expect(await statusOf('order')).toBe('confirmed');
  });

  test('with other content touches nothing of the first', async () => {
    await send('prepare', 'order', 'run-1');
    expect(await send('prepare', 'order', 'run-2', otherLines)).toBe('OrderIdTaken');
    expect(await send('commit', 'order', 'run-2', otherLines)).toBe('ProtocolViolation');
    // Also where it was asked to be cancelled: nothing of this id is.
    expect(await orders.decide(rollbackOf(requestOf('order', otherLines, 'run-2')))).toMatchObject({
      ...{ orderId: 'order', status: 'rejected', reason: { code: 'OrderIdTaken' } },
    });
    expect(await statusOf('order')).toBe('pending');
  });
});

describe('reading orders', () => {
  test('lists the newest first, by status and customer, up to the limit', async () => {
    for (const [index, customerId] of ['one', 'two', 'one', 'two', 'one'].entries()) {
      const order = { orderId: `order-${index}`, customerId, lines };
      const placedAt = `2026-01-0${index + 1}T00:00:00.000Z`;
      await orders.prepare({ order, coordinatorId: 'run', placedAt, strategy: DEFAULT_STRATEGY });
    }
    await orders.decide({
      ...confirmedOf(requestOf('order-0', lines, 'run')),
      order: { orderId: 'order-0', customerId: 'one', lines },
    });
    const idsOf = async (filter: Parameters<typeof orders.listOrders>[0]) =>
      (await orders.listOrders(filter)).items.map(({ orderId }) => orderId);
    expect(await idsOf({})).toEqual(['order-4', 'order-3', 'order-2', 'order-1', 'order-0']);
    expect(await idsOf({ customerId: 'one', status: 'pending' })).toEqual(['order-4', 'order-2']);
    expect(await idsOf({ limit: 2 })).toEqual(['order-4', 'order-3']);
  });

  test.each([
    { status: { $ne: 'x' } },
    { customerId: { $gt: '' } },
    { limit: 0 },
    { limit: 1.5 },
    { unknown: 1 },
  ])('refuses a filter that skipped the client: %j', async (filter) => {
    expect(await answerOf(orders.listOrders(filter as Parameters<typeof orders.listOrders>[0]))).toBe(
      'InvalidInput',
    );
  });

  test('refuses an operator as order id', async () => {
    await send('prepare', 'order');
    expect(await answerOf(orders.findOrder({ $ne: null } as unknown as string))).toBe('InvalidInput');
  });
});
