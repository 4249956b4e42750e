import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import getPort from 'get-port';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { checkConsistency } from '../../support/consistency.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { collectionsOf, type PaymentBooks } from '../../system/examples/support.ts';
import { bundleForEncryption, keptByTemporal, keyOf } from '../codec/encryption.ts';

// The example's programs as a user starts them: by settings alone.

const KEY = keyOf('2026-11');

let platform: Platform;
let testDatabase: TestDatabase;
let books: PaymentBooks;
const workers = new Map<string, { process: ChildProcess; port: number; metrics: number }>();

beforeAll(async () => {
  testDatabase = await openDatabase();
  books = collectionsOf(testDatabase.database);
  const encryptedWith = await bundleForEncryption();
  platform = await startPlatform(undefined, undefined, { encryption: encryptedWith(KEY) });
  await platform.stop('orders');
  await Promise.all(['orders-worker', 'payment-worker'].map(launch));
  await Promise.all([...workers.keys()].map(untilReady));
}, 120_000);

afterAll(async () => {
  for (const worker of workers.values()) worker.process.kill('SIGKILL');
  await platform[Symbol.asyncDispose]();
  await testDatabase[Symbol.asyncDispose]();
});

test('three participants by settings alone: what is confirmed is sold and captured, nothing else is', async () => {
  const { concord } = platform;
  await concord.restock('CUP', 10);
  await books.prices.insertOne({ _id: 'CUP', price: 350 });
  const order = (orderId: string, customerId: string, quantity: number) => ({
    ...{ orderId, customerId },
    lines: [{ sku: 'CUP', quantity }],
  });
  const paid = order('paid', 'alice', 2);
  const unpaid = order('unpaid', 'declined-bob', 1);
  const tooMany = order('too-many', 'carol', 11);
  const cancelled = order('cancelled', 'dora', 1);
  const told = [await concord.place(paid), await concord.place(unpaid), await concord.place(tooMany)];
  platform.breakDown('inventory');
  await concord.place(cancelled, { wait: 'accepted' });
  await expect.poll(async () => (await concord.status('cancelled')).participants.payment).toBe('prepared');
  await concord.cancel('cancelled');
  platform.repair('inventory');
  told.push(await concord.place(cancelled));

  expect(told).toMatchObject([
    { status: 'confirmed' },
    { status: 'rejected', reason: { code: 'ParticipantFailed' } },
    { status: 'rejected', reason: { code: 'OutOfStock' } },
    { status: 'cancelled' },
  ]);
  await checkConsistency(platform, [paid, unpaid, tooMany, cancelled], told);
  const captured = await books.provider.find({ state: 'captured' }).toArray();
  expect(captured).toMatchObject([{ _id: 'paid', amount: 700 }]);
  expect(await books.provider.distinct('state', { _id: { $ne: 'paid' } })).toEqual(['voided']);
});

test('nothing of an order can be read in what Temporal keeps', async () => {
  const kept = [...(await keptByTemporal(platform.concord.client)).values()].join('\n');
  expect(kept).toContain('payment.commit');
  expect(kept).not.toContain('declined-bob');
});

test('each answers for its metrics, and ends gracefully', async () => {
  for (const [name, { process: worker, metrics }] of workers) {
    expect(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text(), name).toContain('temporal_');
    const exited = once(worker, 'exit');
    worker.kill('SIGTERM');
    expect(await exited, name).toEqual([0, null]);
  }
});

async function launch(program: string): Promise<void> {
  const [port, metrics] = [await getPort(), await getPort()];
  const worker = spawn(process.execPath, ['--import', 'tsx', `examples/payment/${program}.ts`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...{ TEMPORAL_ADDRESS: platform.address, TEMPORAL_NAMESPACE: platform.namespace },
      ...{ MONGODB_URI: inject('mongodbUri'), ENCRYPTION_KEYS: KEY },
      ...{ ORDERS_DATABASE: platform.databases.orders.databaseName },
      ...{ PAYMENT_DATABASE: testDatabase.database.databaseName },
      ...{ HEALTH_PORT: String(port), METRICS_PORT: String(metrics) },
    },
  });
  workers.set(program, { process: worker, port, metrics });
}

async function untilReady(program: string): Promise<void> {
  const { process: worker, port } = workers.get(program) as { process: ChildProcess; port: number };
  const status = () =>
    fetch(`http://127.0.0.1:${port}/ready`).then(
      (answer) => answer.status,
      () => undefined,
    );
  await vi.waitUntil(async () => worker.exitCode !== null || (await status()) === 200, {
    timeout: 90_000,
  });
  if (worker.exitCode !== null) throw new Error(`${program} ended with ${worker.exitCode}`);
}
