import { NativeConnection } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import { createServiceWorker } from '../../../workers/create-worker.ts';
import { poolOf, type WorkerLimits } from '../../../workers/limits.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { checkConsistency } from '../../support/consistency.ts';
import { startPlatform } from '../../support/platform.ts';

const TINY: WorkerLimits = { activities: 2, workflowTasks: 4, cachedWorkflows: 20, pollers: 2 };

test('a hundred orders at once all finish on workers that do two things at a time', {
  timeout: 180_000,
}, async () => {
  await using platform = await startPlatform();
  const { concord, databases } = platform;
  await platform.stop('orders');
  await platform.stop('inventory');
  const connection = await NativeConnection.connect({ address: platform.address });
  const hosted = await Promise.all(
    (['orders', 'inventory'] as const).map((name) => host(name, connection, databases[name].databaseName)),
  );

  const orders = Array.from({ length: 100 }, (_, index) => ({
    orderId: `load-${index}`,
    customerId: 'customer',
    lines: [
      { sku: 'LOAD-HOT', quantity: 1 },
      { sku: `LOAD-${index % 4}`, quantity: 1 },
    ],
  }));
  await concord.restock('LOAD-HOT', 75);
  for (const shelf of [0, 1, 2, 3]) await concord.restock(`LOAD-${shelf}`, 25);
  const told = await Promise.all(orders.map((order) => concord.place(order)));

  await checkConsistency(platform, orders, told);
  expect(told.filter(({ status }) => status === 'confirmed')).toHaveLength(75);
  for (const { mostAtOnce, mostConnections } of hosted) {
    expect(mostAtOnce()).toBe(TINY.activities);
    expect(mostConnections()).toBeLessThanOrEqual(poolOf(TINY).size);
  }
  for (const { stop } of hosted) await stop();
  await connection.close();
});

/** A worker of these limits, which counts what it does at once. */
async function host(name: ServiceName, connection: NativeConnection, databaseName: string) {
  const mongo = createMongoClient(inject('mongodbUri'), 'concord-test', poolOf(TINY));
  let open = 0;
  let mostOpen = 0;
  mongo.on('connectionCreated', () => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
  });
  mongo.on('connectionClosed', () => {
    open -= 1;
  });
  let running = 0;
  let mostRunning = 0;
  const worker = await createServiceWorker(name, {
    connection,
    namespace: 'default',
    database: mongo.db(databaseName),
    workflowBundle: { codePath: inject('workflowBundles')[name] },
    limits: TINY,
    interceptors: [
      () => ({
        inbound: {
          async execute(input, next) {
            running += 1;
            mostRunning = Math.max(mostRunning, running);
            try {
              return await next(input);
            } finally {
              running -= 1;
            }
          },
        },
      }),
    ],
  });
  const ended = worker.run();
  return {
    mostAtOnce: () => mostRunning,
    mostConnections: () => mostOpen,
    async stop() {
      worker.shutdown();
      await ended;
      await mongo.close();
    },
  };
}
