import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Concord } from '../../../client/concord.ts';
import { startMongoDB } from '../../../tools/servers/mongodb.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor, type Supervisor } from '../../../tools/servers/supervisor.ts';
import { startTemporal } from '../../../tools/servers/temporal.ts';
import type { WorkerProcess } from '../../../tools/start/worker-process.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { startWorker } from '../../support/start-worker.ts';

let supervisor: Supervisor;
let directory: string;

beforeAll(async () => {
  supervisor = await createSupervisor();
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
});

afterAll(async () => {
  await supervisor.stop();
  await rm(directory, { recursive: true });
});

test('workers outlive a restart of MongoDB and of Temporal, with an order in flight', {
  timeout: 180_000,
}, async () => {
  const common = { supervisor, keepData: true, report: silentReport };
  const onMongodb = { ...common, directory: path.join(directory, 'mongodb') };
  const onTemporal = { ...common, directory: path.join(directory, 'temporal') };
  let [mongodb, temporal] = await Promise.all([startMongoDB(onMongodb), startTemporal(onTemporal)]);
  const { address, namespace } = temporal;
  const concord = await Concord.connect({ connection: { address }, namespace });
  const environment = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, MONGODB_URI: mongodb.uri };
  const run = (name: ServiceName) =>
    startWorker({ name, environment, directory, concord, report: silentReport });
  const workers: WorkerProcess[] = await Promise.all([run('orders'), run('inventory')]);
  const pids = workers.map(({ pid }) => pid);
  await concord.restock('SKU', 10);
  const place = (orderId: string) =>
    concord.place({ orderId, customerId: 'c', lines: [{ sku: 'SKU', quantity: 1 }] }, { wait: 'accepted' });
  const outcome = (orderId: string) =>
    expect.poll(async () => (await concord.status(orderId).catch(() => undefined))?.status, {
      timeout: 60_000,
    });

  await mongodb.stop();
  await place('while-mongodb-is-down');
  await expect
    .poll(async () => (await concord.status('while-mongodb-is-down')).retrying.length, { timeout: 30_000 })
    .toBeGreaterThan(0);
  mongodb = await startMongoDB({ ...onMongodb, port: mongodb.port });
  await outcome('while-mongodb-is-down').toBe('confirmed');

  await place('before-temporal-restarts');
  await temporal.stop();
  temporal = await startTemporal({ ...onTemporal, port: temporal.port, uiPort: temporal.uiPort });
  await outcome('before-temporal-restarts').toBe('confirmed');
  await expect
    .poll(() => place('after-both').then(({ orderId }) => orderId), { timeout: 30_000 })
    .toBe('after-both');
  await outcome('after-both').toBe('confirmed');

  expect(await concord.stock(['SKU'])).toMatchObject([{ sold: 3, reserved: 0 }]);
  expect(
    workers.map(({ pid }) => pid),
    'no worker had to be started again',
  ).toEqual(pids);
  for (const worker of workers) await worker.stop();
  await concord.close();
});
