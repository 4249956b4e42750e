import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { paymentService } from '../../../examples/payment/service.ts';
import { dataConverterOf } from '../../../platform/encryption/data-converter.ts';
import { parseKeys } from '../../../platform/encryption/keys.ts';
import { bundleWorkflowCode } from '../../../workers/bundle.ts';
import { createServiceWorker } from '../../../workers/create-worker.ts';
import { checkConsistency, type IdentifiedOrder } from '../../support/consistency.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { collectionsOf, type PaymentBooks } from '../../system/examples/support.ts';
import { terminate } from '../../system/operations/support.ts';
import { bundleForEncryption, keyOf } from '../codec/encryption.ts';
import type { Doom } from './doomed-payment-worker.ts';

// Orders in which payment takes part as well, with everything that Temporal keeps encrypted.

let platform: Platform;
let connection: NativeConnection;
let testDatabase: TestDatabase;
let books: PaymentBooks;
const running = new Map<string, { stop(): Promise<void> }>();

const PRICE = 350;
const KEY = keyOf('2026-11');
const dataConverter = dataConverterOf(parseKeys(KEY));

/** Every order that a test has placed. */
const orders: IdentifiedOrder[] = [];

beforeAll(async () => {
  testDatabase = await openDatabase();
  books = collectionsOf(testDatabase.database);
  const encryptedWith = await bundleForEncryption();
  platform = await startPlatform(undefined, undefined, { encryption: encryptedWith(KEY) });
  await platform.stop('orders');
  connection = await NativeConnection.connect({ address: platform.address });
  const code = await bundleWorkflowCode(
    'orders',
    dataConverter,
    fileURLToPath(new URL('../../../examples/payment/workflows.ts', import.meta.url)),
  );
  run(
    'orders',
    await createServiceWorker('orders', {
      ...{ connection, dataConverter, namespace: platform.namespace, database: platform.databases.orders },
      workflowBundle: { code },
    }),
  );
  await startPayment();
});

afterAll(async () => {
  await Promise.all([...running.values()].map((worker) => worker.stop()));
  await connection.close();
  await platform[Symbol.asyncDispose]();
  await testDatabase[Symbol.asyncDispose]();
});

test('a confirmed order is captured once', async () => {
  const { concord } = platform;
  const order = await stocked('paid', 3);
  const [placed] = await Promise.all([concord.place(order), concord.place(order)]);
  expect(placed).toMatchObject({ status: 'confirmed' });
  await concord.place(order);
  expect(await booked('paid')).toEqual([{ state: 'captured', amount: 3 * PRICE }]);
  await checkConsistency(platform, orders, [{ orderId: 'paid', status: 'confirmed' }]);
});

test('a declined card rejects the order, and leaves no hold', async () => {
  const order = { ...(await stocked('unpaid', 3)), customerId: 'declined-unpaid' };
  const placed = await platform.concord.place(order);
  expect(placed).toMatchObject({
    status: 'rejected',
    reason: { code: 'ParticipantFailed', message: 'payment failed to prepare (the card was declined)' },
  });
  await checkConsistency(platform, orders, [placed]);
  expect(await booked('unpaid')).toEqual([{ state: 'voided', amount: 3 * PRICE }]);
});

test('an order that is out of stock gives back what was authorized', async () => {
  const { concord } = platform;
  const order = await stocked('sold-out', 11);
  platform.breakDown('inventory');
  await concord.place(order, { wait: 'accepted' });
  await expect
    .poll(async () => (await concord.status('sold-out')).participants)
    .toEqual({ orders: 'prepared', inventory: 'preparing', payment: 'prepared' });
  platform.repair('inventory');
  const placed = await concord.place(order);
  expect(placed).toMatchObject({ status: 'rejected', reason: { code: 'OutOfStock' } });
  expect(await booked('sold-out')).toEqual([{ state: 'voided', amount: 11 * PRICE }]);
});

test('a payment worker that is killed between authorization and answer costs nobody anything', async () => {
  const { concord } = platform;
  const order = await stocked('crashed', 3);
  await running.get('payment')?.stop();
  const doomed = startDoomedWorker();
  await concord.place(order, { wait: 'accepted' });
  expect(await once(doomed, 'message')).toEqual(['crashed', undefined]);
  const exited = once(doomed, 'exit');
  doomed.kill('SIGKILL');
  await exited;
  expect(await books.payments.findOne({ _id: 'crashed' })).toMatchObject({ status: 'open' });

  await startPayment();
  expect(await concord.place(order)).toMatchObject({ status: 'confirmed' });
  expect(await booked('crashed')).toEqual([{ state: 'captured', amount: 3 * PRICE }]);
});

test('an operator settles a payment with the rest of the order', async () => {
  const { concord } = platform;
  const order = await stocked('forgotten', 2);
  platform.breakDown('inventory');
  await concord.place(order, { wait: 'accepted' });
  await expect.poll(async () => (await concord.status('forgotten')).participants.payment).toBe('prepared');
  await terminate(platform, 'forgotten');
  platform.repair('inventory');
  const resolved = await concord.resolve('forgotten', { as: 'rejected' });
  expect(resolved).toMatchObject({ status: 'rejected' });
  expect(await booked('forgotten')).toEqual([{ state: 'voided', amount: 2 * PRICE }]);
});

test('a strategy that would not ask payment is refused', async () => {
  const order = await stocked('by-events', 1);
  for (const strategy of ['message-queue', 'event-driven'] as const) {
    await expect(platform.concord.place(order, { strategy })).rejects.toThrow(/use two-phase/);
  }
  expect(await booked('by-events')).toEqual([]);
});

test('many orders at once: what is captured is what the confirmed orders cost', async () => {
  const { concord } = platform;
  await concord.restock('HOT', 20);
  await setPrice('HOT');
  const many = Array.from({ length: 24 }, (_, index) => ({
    orderId: `many-${index}`,
    customerId: index % 5 === 1 ? `declined-${index}` : `customer-${index}`,
    lines: [{ sku: 'HOT', quantity: 1 + (index % 3) }],
  }));
  orders.push(...many);
  const told = await Promise.all(
    many.map(async (order, index) => {
      if (index % 4 !== 0) return concord.place(order);
      await concord.place(order, { wait: 'accepted' });
      await concord.cancel(order.orderId).catch(() => {}); // it may be too late
      return concord.place(order);
    }),
  );
  await checkConsistency(platform, orders, told);
  const confirmed = new Set(
    told.filter(({ status }) => status === 'confirmed').map(({ orderId }) => orderId),
  );
  const cost = many
    .filter(({ orderId }) => confirmed.has(orderId))
    .reduce((sum, { lines: [line] }) => sum + (line?.quantity ?? 0) * PRICE, 0);
  expect(cost).toBeGreaterThan(0);
  expect(new Set(told.map(({ status }) => status))).toEqual(new Set(['confirmed', 'rejected', 'cancelled']));
  const payments = await books.provider.find({ _id: /^many-/ }).toArray();
  const captured = payments.filter(({ state }) => state === 'captured');
  expect(captured.reduce((sum, { amount = 0 }) => sum + amount, 0)).toBe(cost);
  expect(payments.filter(({ state }) => state !== 'captured' && state !== 'voided')).toEqual([]);
});

/** An order of so many of ten units of a SKU of the same name. */
async function stocked(orderId: string, quantity: number): Promise<IdentifiedOrder> {
  await platform.concord.restock(orderId, 10);
  await setPrice(orderId);
  const order = { orderId, customerId: `customer-of-${orderId}`, lines: [{ sku: orderId, quantity }] };
  orders.push(order);
  return order;
}

async function setPrice(sku: string): Promise<void> {
  await books.prices.insertOne({ _id: sku, price: PRICE });
}

/** What the provider has on its books for an order's customer, under whatever id. */
async function booked(orderId: string) {
  const found = await books.provider.find({ customerId: new RegExp(`-${orderId}$`) }).toArray();
  return found.map(({ state, amount }) => ({ state, amount }));
}

async function startPayment(): Promise<void> {
  const { database } = testDatabase;
  const { namespace } = platform;
  const options = { connection, namespace, database, dataConverter };
  run('payment', await createServiceWorker(paymentService(), options));
}

function run(name: string, worker: Awaited<ReturnType<typeof createServiceWorker>>): void {
  const ended = worker.run();
  running.set(name, {
    async stop() {
      running.delete(name);
      worker.shutdown();
      await ended;
    },
  });
}

function startDoomedWorker(): ChildProcess {
  const program = fileURLToPath(new URL('./doomed-payment-worker.ts', import.meta.url));
  const doomed = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { address, namespace } = platform;
  const database = testDatabase.database.databaseName;
  doomed.send({ address, namespace, mongodbUri: inject('mongodbUri'), database, keys: KEY } satisfies Doom);
  return doomed;
}
