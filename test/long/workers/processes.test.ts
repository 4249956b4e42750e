import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { silentReport } from '../../../tools/servers/report.ts';
import type { WorkerProcess } from '../../../tools/start/worker-process.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { checkConsistency } from '../../support/consistency.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { startWorker } from '../../support/start-worker.ts';

// Workers as they run in production: processes of their own, which can be killed.

let platform: Platform;
let directory: string;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.stop('orders');
  await platform.stop('inventory');
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
});

afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test('SIGKILL of either worker, again and again while orders are in flight, loses nothing', {
  timeout: 180_000,
}, async () => {
  const { concord } = platform;
  // One step at a time, so that what a worker that is killed has left doesn't all happen at once when it is back.
  const slowly = { MAXIMUM_ACTIVITIES: '1' };
  const workers = { orders: await run('orders', slowly), inventory: await run('inventory', slowly) };
  await concord.restock('KILL-1', 150);
  await concord.restock('KILL-2', 150);
  const orders = Array.from({ length: 200 }, (_, index) => ({
    orderId: `kill-${index}`,
    customerId: 'customer',
    lines: [
      { sku: 'KILL-1', quantity: 1 + (index % 2) },
      { sku: 'KILL-2', quantity: 1 },
    ],
  }));
  for (const order of orders) await concord.place(order, { wait: 'accepted' });
  const told = Promise.all(orders.map((order) => concord.place(order)));

  const finals = () => platform.orders.countDocuments({ status: { $ne: 'pending' } });
  const killed: number[] = [];
  for (const [index, atLeast] of [1, 20, 40, 75, 110].entries()) {
    await expect.poll(finals, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(atLeast);
    const worker = index % 2 === 0 ? workers.inventory : workers.orders;
    expect(await finals(), 'orders are in flight when a worker is killed').toBeLessThan(orders.length);
    const { pid } = worker;
    if (pid === undefined) throw new Error('the worker does not run');
    killed.push(pid);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => worker.pid, { timeout: 20_000 }).not.toBe(pid); // started again
  }

  await checkConsistency(platform, orders, await told);
  expect(new Set(killed).size).toBe(5);
  await workers.orders.stop();
  await workers.inventory.stop();
});

test('an index that can’t be created is named in the log of the worker, with the reason, and orders go on', async () => {
  const { concord, databases } = platform;
  const collection = databases.orders.collection('orders');
  await collection.dropIndexes().catch(() => {}); // no collection, or none but its own
  await collection.createIndex({ 'outbox.0': 1 }, { name: 'outbox.0_1', sparse: true });
  const orders = await run('orders');
  const inventory = await run('inventory');
  await concord.restock('INDEX', 10);
  const order = { customerId: 'c', lines: [{ sku: 'INDEX', quantity: 1 }] };
  expect(await concord.place(order)).toMatchObject({ status: 'confirmed' });
  const log = () => readFile(path.join(directory, 'orders-worker.log'), 'utf8');
  await expect.poll(log, { timeout: 30_000 }).toMatch(/no index of orders by outbox\.0: .*same name/);
  expect((await collection.indexes()).map(({ name }) => name)).toContain('strategy_1_createdAt_-1__id_1');
  await orders.stop();
  await inventory.stop();
  await collection.dropIndex('outbox.0_1');
});

test('SIGTERM lets a worker finish, and ends it with 0; its log is JSON with order id, attempt and workflow id', async () => {
  const { concord } = platform;
  const log = path.join(directory, 'inventory-worker.log');
  const orders = await run('orders');
  const inventory = await run('inventory', { LOG_LEVEL: 'debug' });
  await concord.restock('TERM', 10);
  await concord.place({ orderId: 'logged', customerId: 'c', lines: [{ sku: 'TERM', quantity: 1 }] });
  await inventory.stop();
  await orders.stop();
  const lines = (await readFile(log, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({
      orderId: 'logged',
      attempt: 1,
      workflowId: 'order/logged',
      activityType: 'inventory.prepare',
    }),
  );
  expect(lines.at(-1)).toMatchObject({ msg: 'worker stopped' });
});

test('a worker is of the version that its environment names', async () => {
  const deploymentVersion = { deploymentName: 'concord-orders', buildId: '1' };
  const worker = await run('orders', {
    TEMPORAL_DEPLOYMENT_NAME: deploymentVersion.deploymentName,
    TEMPORAL_WORKER_BUILD_ID: deploymentVersion.buildId,
  });
  const { namespace, concord } = platform;
  const { workflowService } = concord.client;
  await expect
    .poll(() => workflowService.describeWorkerDeploymentVersion({ namespace, deploymentVersion }))
    .toMatchObject({ workerDeploymentVersionInfo: { deploymentVersion } });
  await worker.stop();
});

test("an orders worker says at its start which search attributes orders do without, an inventory worker doesn't", async () => {
  const namespace = 'without-search-attributes';
  await platform.concord.client.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 } as never,
  });
  const logs: Record<string, string> = {};
  for (const name of ['inventory', 'orders'] as const) {
    const child = launch(name, { ...environment(), TEMPORAL_NAMESPACE: namespace });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdout?.on('data', (data) => {
      logs[name] = `${logs[name] ?? ''}${data}`;
    });
  }
  await expect
    .poll(() => logs.orders, UNTIL_IT_RUNS)
    .toMatch(/"reason":"missing: OrderStatus, OrderCustomer,.+`concord doctor --fix`/);
  await expect.poll(() => logs.inventory, UNTIL_IT_RUNS).toContain('worker started');
  expect(logs.inventory).not.toContain('OrderStatus');
}, 180_000);

test('a wrong setting is named, with the fix, and ends the worker with 2', async () => {
  const { exitCode, output } = await outcomeOf('orders', {
    MONGODB_URI: 'localhost:27017',
    LOG_LEVEL: 'loud',
  });
  expect(exitCode).toBe(2);
  expect(output).toMatch(/MONGODB_URI: use a MongoDB connection string/);
  expect(output).toMatch(/LOG_LEVEL: use trace/);
  expect(output.trim().split('\n')).toHaveLength(1);
});

test('a connection string that takes away a promise is refused by its variable, and ends the worker with 2', async () => {
  const { exitCode, output } = await outcomeOf('orders', {
    ORDERS_MONGODB_URI: 'mongodb://127.0.0.1:27017/?journal=false',
  });
  expect(exitCode).toBe(2);
  expect(output).toMatch(/ORDERS_MONGODB_URI: leave journal out, or use journal=true/);
  expect(output.trim().split('\n')).toHaveLength(1);
});

test('a worker waits for a database that is not up yet, says so, and can be stopped meanwhile', async () => {
  const child = launch('inventory', { ...environment(), INVENTORY_MONGODB_URI: 'mongodb://127.0.0.1:9' });
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  await expect
    .poll(() => output, { timeout: 30_000 })
    .toContain("MongoDB of inventory can't be used yet; trying again");
  child.kill('SIGTERM');
  const [exitCode] = await once(child, 'exit');
  expect(exitCode).toBe(0);
});

test('a worker that meets a namespace that is not there ends with 1, so that it is started again', async () => {
  const { exitCode, output } = await outcomeOf('orders', { ...environment(), TEMPORAL_NAMESPACE: 'nope' });
  expect(exitCode).toBe(1);
  expect(output).toContain('the worker failed');
});

test('a worker ends with the process that started it, even where that was killed', async () => {
  const script = `
    import { spawn } from 'node:child_process';
    const child = spawn(process.execPath, ['--import', 'tsx', 'workers/orders.ts'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], detached: true });
    console.log(child.pid);
  `;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...environment() },
  });
  const [line] = await once(owner.stdout, 'data');
  const pid = Number(String(line));
  const { client } = platform.concord;
  await expect
    .poll(async () => {
      const taskQueue = { name: 'orders' };
      const { namespace } = platform;
      const { pollers } = await client.workflowService.describeTaskQueue({
        namespace,
        taskQueue,
        taskQueueType: 1,
      });
      return pollers?.some(({ identity }) => identity?.startsWith(`${pid}@`));
    }, UNTIL_IT_RUNS)
    .toBe(true);
  owner.kill('SIGKILL');
  await expect.poll(() => isAlive(pid)).toBe(false);
}, 180_000);

// It bundles its workflows first, which takes most of a minute where two cores have much else to do.
const UNTIL_IT_RUNS = { timeout: 120_000 };

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function run(name: ServiceName, more: Record<string, string> = {}): Promise<WorkerProcess> {
  const { concord } = platform;
  const worker = await startWorker({
    name,
    environment: { ...environment(), ...more },
    directory,
    concord,
    report: silentReport,
  });
  onTestFinished(() => worker.stop());
  return worker;
}

function environment(): Record<string, string> {
  return {
    TEMPORAL_ADDRESS: platform.address,
    TEMPORAL_NAMESPACE: platform.namespace,
    MONGODB_URI: inject('mongodbUri'),
    ORDERS_DATABASE: platform.databases.orders.databaseName,
    INVENTORY_DATABASE: platform.databases.inventory.databaseName,
  };
}

function launch(name: ServiceName, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', `workers/${name}.ts`], {
    env: { ...process.env, ...env },
  });
}

async function outcomeOf(name: ServiceName, env: Record<string, string>) {
  const child = launch(name, env);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data) => {
      output += data;
    });
  }
  const [exitCode] = await once(child, 'close');
  return { exitCode, output };
}
