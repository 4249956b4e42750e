import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createStandInGateway, type PaymentGateway } from '../../../examples/payment/gateway.ts';
import { createPayment, type PaymentDocument } from '../../../examples/payment/payment.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { expectEveryRow, expectOneSettlement, type State, type Step, steps } from '../../support/promises.ts';
import { answerOf, requestOf, rollbackOf } from '../../support/requests.ts';
import { collectionsOf, type PaymentBooks } from './support.ts';

// What the example promises as a participant, and what the payment provider has on its books then.

const lines = [
  { sku: 'CUP', quantity: 2 },
  { sku: 'POT', quantity: 1 },
];
const otherLines = [{ sku: 'POT', quantity: 2 }];
const AMOUNT = 2 * 350 + 1_999;

let testDatabase: TestDatabase;
let books: PaymentBooks;
let gateway: PaymentGateway;
let payment: ReturnType<typeof createPayment>;

beforeAll(async () => {
  testDatabase = await openDatabase();
  books = collectionsOf(testDatabase.database);
  gateway = createStandInGateway(books.provider);
  payment = createPayment(books, gateway);
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const collection of Object.values(books)) await collection.deleteMany({});
  await books.prices.insertMany([
    { _id: 'CUP', price: 350 },
    { _id: 'POT', price: 1_999 },
  ]);
});

function send(step: Step, orderId: string, coordinatorId = 'run-1', content = lines) {
  const request = requestOf(orderId, content, coordinatorId);
  return answerOf(step === 'rollback' ? payment.rollback(rollbackOf(request)) : payment[step](request));
}

/** What both the service and the provider have on record of an order; they must agree. */
async function stateOf(orderId: string): Promise<State> {
  const status = (await books.payments.findOne({ _id: orderId }))?.status;
  const booked = (await books.provider.findOne({ _id: orderId }))?.state;
  if (status === 'voided') expect([undefined, 'voided']).toContain(booked);
  else expect(booked).toBe(status);
  return STATES[status ?? 'open'];
}

const STATES: Readonly<Record<PaymentDocument['status'], State>> = {
  open: 'none',
  authorized: 'prepared',
  captured: 'committed',
  voided: 'rolled back',
};

describe('what every participant promises', () => {
  test('every row of the promise table, in every order of arrival', () => expectEveryRow({ send, stateOf }));

  test('calls that run at once settle an order once, and tell nobody otherwise', () =>
    expectOneSettlement({ send, stateOf }));

  test('it says how far it is, to who settles what was left behind', async () => {
    const order = requestOf('order', lines).order;
    const statuses = [await payment.inspect(order)];
    for (const step of ['prepare', 'commit'] as const) {
      await send(step, 'order');
      statuses.push(await payment.inspect(order));
    }
    await send('rollback', 'other');
    statuses.push(await payment.inspect(requestOf('other', lines).order));
    expect(statuses).toEqual(['unknown', 'prepared', 'confirmed', 'rolled-back']);
    expect(await payment.inspect(requestOf('order', otherLines).order)).toBe('unknown');
  });
});

describe('a second coordinator for the same order id', () => {
  test('changes nothing of what the first left undecided', async () => {
    await send('prepare', 'order', 'run-1');
    expect(await send('prepare', 'order', 'run-2')).toBe('LeftUndecided');
    expect(await send('commit', 'order', 'run-2')).toBe('LeftUndecided');
    expect(await send('rollback', 'order', 'run-2')).toBe('ok');
    expect(await stateOf('order')).toBe('prepared');
    expect(await send('commit', 'order', 'run-1')).toBe('ok');
    expect(await send('prepare', 'order', 'run-2')).toBe('AlreadyDecided');
  });

  test('with other content touches nothing of the first', async () => {
    await send('prepare', 'order', 'run-1');
    expect(await send('prepare', 'order', 'run-2', otherLines)).toBe('OrderIdTaken');
    expect(await send('commit', 'order', 'run-2', otherLines)).toBe('ProtocolViolation');
    expect(await send('rollback', 'order', 'run-2', otherLines)).toBe('ok');
    expect(await stateOf('order')).toBe('prepared');
  });

  test.each(['commit', 'rollback'] as const)('can %s that where it takes over', async (step) => {
    await send('prepare', 'order', 'run-1');
    const request = { ...requestOf('order', lines, 'run-2'), takesOver: true };
    await (step === 'commit' ? payment.commit(request) : payment.rollback(rollbackOf(request)));
    expect(await stateOf('order')).toBe(step === 'commit' ? 'committed' : 'rolled back');
  });
});

describe('the payment provider', () => {
  test('is asked for the sum of the lines', async () => {
    await send('prepare', 'order');
    expect(await books.provider.findOne({ _id: 'order' })).toMatchObject({ amount: AMOUNT });
  });

  test('is asked for the same amount by every attempt, also where prices have changed', async () => {
    const asked: number[] = [];
    const forgetful = createPayment(books, {
      ...gateway,
      async authorize(wanted) {
        asked.push(wanted.amount);
        await gateway.authorize(wanted);
        throw new Error('the answer was lost');
      },
    });
    await expect(forgetful.prepare(requestOf('order', lines))).rejects.toThrow('the answer was lost');
    await books.prices.updateMany({}, { $inc: { price: 100 } });
    await expect(forgetful.prepare(requestOf('order', lines))).rejects.toThrow('the answer was lost');
    expect(asked).toEqual([AMOUNT, AMOUNT]);
  });

  test.each(['before', 'after'] as const)(
    'a late authorization, %s which the order was rolled back, changes nothing and fails',
    async (when) => {
      const [reached, released] = [createGate(), createGate()];
      const slow = createPayment(books, {
        ...gateway,
        async authorize(wanted) {
          const answer = when === 'after' ? await gateway.authorize(wanted) : undefined;
          reached.open();
          await released.opened;
          return answer ?? gateway.authorize(wanted);
        },
      });
      const late = answerOf(slow.prepare(requestOf('order', lines)));
      await reached.opened;
      expect(await send('rollback', 'order')).toBe('ok');
      released.open();
      expect(await late).toBe('LateArrival');
      expect(await stateOf('order')).toBe('rolled back');
      expect(await books.provider.findOne({ _id: 'order' })).toMatchObject({ state: 'voided' });
    },
  );

  test.each(['commit', 'rollback'] as const)('that does not answer is told of a %s again', async (step) => {
    let failures = 1;
    const failingOnce = (call: (id: string) => Promise<void>) => async (id: string) => {
      if (failures-- > 0) throw new Error('the provider is down');
      await call(id);
    };
    const unlucky = createPayment(books, {
      authorize: gateway.authorize,
      capture: failingOnce(gateway.capture),
      void: failingOnce(gateway.void),
    });
    await send('prepare', 'order');
    const request = rollbackOf(requestOf('order', lines));
    await expect(unlucky[step](request)).rejects.toThrow('the provider is down');
    await unlucky[step](request);
    expect(await stateOf('order')).toBe(step === 'commit' ? 'committed' : 'rolled back');
  });
});

test.each([
  ['a SKU that has no price', 'customer', [{ sku: 'UNKNOWN', quantity: 1 }], /UNKNOWN has no price/],
  ['a sum that no number can hold', 'customer', [{ sku: 'CUP', quantity: 2 ** 50 }], /so much/],
  ['a declined card', 'declined-customer', lines, /the card was declined/],
])('%s is a vote no', async (_, customerId, content, message) => {
  const request = requestOf('order', content);
  const asked = payment.prepare({ ...request, order: { ...request.order, customerId } });
  await expect(asked).rejects.toMatchObject({
    code: 'ParticipantFailed',
    message: expect.stringMatching(message),
  });
});

test('refuses what skipped the client', async () => {
  for (const step of steps) {
    expect(await answerOf(payment[step]({ order: { $ne: null } } as never))).toBe('InvalidInput');
  }
});
