import { fileURLToPath } from 'node:url';
import { activityInfo } from '@temporalio/activity';
import proto from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger, NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import type { Strategy } from '../../../domain/strategies.ts';
import { createServiceWorker } from '../../../workers/create-worker.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { checkConsistency } from '../../support/consistency.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { orderOf, recorded } from '../../system/operations/support.ts';

// Version 2 of the order service's workflows waits before it does anything, which no history of version 1 fits. It is
// deployed while orders of version 1 are in flight, as docs/changing-a-workflow.md describes it. The tests build on each other.

type Build = '1' | '2';

let platform: Platform;
let connection: NativeConnection;
let changedCode: string;
const running = new Map<string, { stop(): Promise<void> }>();
/** Which builds have run activities of an order's workflow, on the order service's own task queue. */
const builds = new Map<string, Set<Build>>();

beforeAll(async () => {
  // The server looks every few minutes whether a version is still needed, which is too seldom for a test.
  platform = await startPlatform(undefined, undefined, {
    limits: {
      'matching.wv.VersionDrainageStatusVisibilityGracePeriod': 1,
      'matching.wv.VersionDrainageStatusRefreshInterval': 1,
    },
  });
  await platform.stop('orders');
  await platform.stop('inventory');
  connection = await NativeConnection.connect({ address: platform.address });
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(
      new URL('../../system/operations/incompatible-workflows.ts', import.meta.url),
    ),
    logger: new DefaultLogger('WARN'),
  });
  changedCode = code;
  for (const name of ['orders', 'inventory'] as const) {
    await start(name, '1');
    await makeCurrent(name, '1');
  }
});

afterAll(async () => {
  await Promise.all([...running.values()].map((worker) => worker.stop()));
  await connection.close();
  await platform[Symbol.asyncDispose]();
});

const old = ordersOf('old');
const young = ordersOf('young');

test('orders end under the version that began them, and neither is replayed by the other', async () => {
  const { concord } = platform;
  for (const { orderId } of [...old, ...young]) await concord.restock(orderId, 10);
  await stop('inventory', '1');
  await placeAndHold(old);

  await start('orders', '2');
  await makeCurrent('orders', '2');
  await placeAndHold(young);
  await start('inventory', '1');

  const orders = [...old, ...young];
  const told = await Promise.all(orders.map((order) => concord.place(order)));
  expect(told.map(({ status }) => status)).toEqual(orders.map(() => 'confirmed'));
  await checkConsistency(platform, orders, told);
  for (const { orderId } of old) expect(await performance(orderId)).toEqual(ONLY('1'));
  for (const { orderId } of young) expect(await performance(orderId)).toEqual(ONLY('2'));
});

test('an order that is not pinned breaks on the same upgrade; going back to version 1 mends it', async () => {
  const { concord } = platform;
  await makeCurrent('orders', '1');
  await concord.restock('moved', 10);
  await stop('inventory', '1');
  await concord.client.workflow.start('placeOrder', {
    taskQueue: 'orders',
    workflowId: 'order/moved',
    versioningOverride: 'AUTO_UPGRADE',
    // How long the SDK keeps silent about a task that has failed before.
    workflowTaskTimeout: '2 seconds',
    args: [{ order: orderOf('moved', 2) }],
  });
  await isHeld('moved');
  await makeCurrent('orders', '2');
  await start('inventory', '1');
  await expect.poll(() => failedTasks('moved')).toContainEqual(expect.stringMatching(/nondeterminism/i));
  expect(await recorded(platform, 'moved')).toMatchObject({ status: 'pending' });

  await makeCurrent('orders', '1');
  expect(await concord.place(orderOf('moved', 2))).toMatchObject({ status: 'confirmed' });
  expect(await recorded(platform, 'moved')).toEqual({
    ...{ status: 'confirmed', available: 8, reserved: 0, sold: 2 },
  });
  await makeCurrent('orders', '2');
});

test('mailboxes go along to the new version, so that the old workers can be stopped', async () => {
  const { concord } = platform;
  await start('inventory', '2');
  await makeCurrent('inventory', '2');
  await stop('orders', '1');
  await stop('inventory', '1');
  for (const strategy of ['message-queue', 'event-driven'] as const) {
    // Of the same SKU as an old order, and so for the same mailbox.
    const { lines } = orderOf(`old-${strategy}`);
    const order = { orderId: `later-${strategy}`, customerId: 'customer', lines };
    expect(await concord.place(order, { strategy })).toMatchObject({ status: 'confirmed' });
  }
});

test('a version is drained when no order needs it any more', async () => {
  for (const name of ['orders', 'inventory'] as const) {
    await expect.poll(() => drainageOf(name, '1')).toBe(DRAINED);
  }
  expect(await drainageOf('orders', '2')).not.toBe(DRAINED);
});

function ordersOf(prefix: string) {
  const strategies: readonly Strategy[] = ['two-phase', 'message-queue', 'event-driven'];
  return strategies.map((strategy) => orderOf(`${prefix}-${strategy}`, 2));
}

const strategyOf = ({ orderId }: { orderId: string }) => orderId.replace(/^[a-z]+-/, '') as Strategy;

/** Places these orders, and returns once each waits for the inventory, which is down. */
async function placeAndHold(orders: readonly ReturnType<typeof orderOf>[]): Promise<void> {
  await Promise.all(
    orders.map(async (order) => {
      await platform.concord.place(order, { strategy: strategyOf(order), wait: 'accepted' });
      await isHeld(order.orderId);
    }),
  );
}

function isHeld(orderId: string): Promise<void> {
  return expect
    .poll(async () => (await platform.concord.status(orderId)).participants)
    .toMatchObject({ orders: 'prepared', inventory: 'preparing' });
}

async function start(name: ServiceName, buildId: Build): Promise<void> {
  const worker = await createServiceWorker(name, {
    connection,
    namespace: platform.namespace,
    database: platform.databases[name],
    workflowBundle:
      name === 'orders' && buildId === '2'
        ? { code: changedCode }
        : { codePath: inject('workflowBundles')[name] },
    version: { deploymentName: deploymentOf(name), buildId },
    interceptors: [
      () => ({
        inbound: {
          execute(input, next) {
            const workflowId = activityInfo().workflowExecution?.workflowId ?? '';
            if (name === 'orders') builds.set(workflowId, (builds.get(workflowId) ?? new Set()).add(buildId));
            return next(input);
          },
        },
      }),
    ],
  });
  const ended = worker.run();
  running.set(`${name} ${buildId}`, {
    async stop() {
      worker.shutdown();
      await ended;
    },
  });
}

async function stop(name: ServiceName, build: Build): Promise<void> {
  await running.get(`${name} ${build}`)?.stop();
  running.delete(`${name} ${build}`);
}

/** What `temporal worker deployment set-current-version` does. */
async function makeCurrent(name: ServiceName, buildId: Build): Promise<void> {
  const { namespace } = platform;
  const { workflowService } = platform.concord.client;
  const request = { namespace, deploymentName: deploymentOf(name), buildId };
  // Temporal refuses a version until its worker has polled.
  await vi.waitFor(() => workflowService.setWorkerDeploymentCurrentVersion(request), { timeout: 30_000 });
}

async function drainageOf(name: ServiceName, buildId: Build) {
  const { workerDeploymentVersionInfo } =
    await platform.concord.client.workflowService.describeWorkerDeploymentVersion({
      namespace: platform.namespace,
      deploymentVersion: { deploymentName: deploymentOf(name), buildId },
    });
  return workerDeploymentVersionInfo?.drainageInfo?.status;
}

const { VERSION_DRAINAGE_STATUS_DRAINED: DRAINED } = proto.temporal.api.enums.v1.VersionDrainageStatus;

function deploymentOf(name: ServiceName): string {
  return `concord-${name}`;
}

/** Which builds have worked on an order, by its history, and which of its workflow tasks have failed. */
async function performance(orderId: string) {
  const events = await eventsOf(orderId);
  const tasks = events.flatMap(({ workflowTaskCompletedEventAttributes: task }) => task ?? []);
  return {
    tasks: [...new Set(tasks.map((task) => task.deploymentVersion?.buildId))],
    activities: [...(builds.get(`order/${orderId}`) ?? [])],
    failed: await failedTasks(orderId),
  };
}

const ONLY = (build: Build) => ({ tasks: [build], activities: [build], failed: [] });

async function failedTasks(orderId: string) {
  const events = await eventsOf(orderId);
  return events.flatMap(
    ({ workflowTaskFailedEventAttributes: task }) => task?.failure?.message ?? (task ? ['failed'] : []),
  );
}

async function eventsOf(orderId: string) {
  const { events } = await platform.concord.client.workflow.getHandle(`order/${orderId}`).fetchHistory();
  return events ?? [];
}
