import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { examineWorker } from '../../../client/cli/doctor/worker.ts';
import { type Connected, connectTo } from '../../../client/cli/shared/session.ts';
import { findTarget } from '../../../client/cli/shared/target.ts';
import { createServiceWorker } from '../../../workers/create-worker.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runCliAsJson } from '../../support/run-cli.ts';
import { orderOf } from '../../system/operations/support.ts';

// Which workers get the orders' work is the server's to say, so what doctor makes of it is tried on a real one.

let platform: Platform;
let connected: Connected;
let connection: NativeConnection;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  // Workers that have ended are listed for minutes otherwise, as long as a poll may take.
  const limits = { 'matching.longPollExpirationInterval': 1, 'matching.PollerHistoryTTL': 3 };
  platform = await startPlatform(undefined, undefined, { limits });
  const { address, namespace } = platform;
  connected = await connectTo(await findTarget({ address, namespace }));
  connection = await NativeConnection.connect({ address });
});

afterAll(async () => {
  await Promise.all(ends.map((end) => end()));
  await connected.concord.close();
  await connection.close();
  await platform[Symbol.asyncDispose]();
});

test('doctor says who polls and who gets the work, on the way to a version and back', async () => {
  const { concord, address, namespace } = platform;
  const state = () => expect.poll(async () => (await examineWorker('orders', connected)).worker);
  await concord.restock('waiting', 10);
  await state().toMatchObject({
    status: 'ok',
    found: expect.stringMatching(/^\S+ polls task queue orders$/),
  });

  // A version that isn't current gets nothing yet, which is right while others do the work.
  const stopVersion = await startVersion('1');
  await state().toMatchObject({ status: 'ok', found: expect.stringMatching(BOTH) });
  // Should the others turn out to have ended, it is the one to get it.
  expect((await examineWorker('orders', connected)).ifEnded).toMatchObject({
    status: 'failed',
    fix: expect.stringContaining('--build-id 1'),
  });
  await makeCurrent('1');
  await state().toMatchObject({ status: 'ok', found: expect.stringMatching(BOTH) });

  // Its workers end, and those without a version get nothing for all that they poll.
  await stopVersion();
  const waiting = concord.place(orderOf('waiting'));
  await state().toMatchObject({
    status: 'failed',
    found: expect.stringMatching(
      /^\S+ polls task queue orders without a version; its new work is for version 1 of concord-orders$/,
    ),
    fix: expect.stringContaining(
      `temporal worker deployment set-current-version --deployment-name concord-orders --unversioned --address ${address} --namespace ${namespace}`,
    ),
  });
  expect(await runCliAsJson(['doctor', '--address', address, '--namespace', namespace])).toMatchObject({
    exitCode: 3,
    document: {
      checks: expect.arrayContaining([
        expect.objectContaining({ name: 'orders worker', status: 'failed' }),
        expect.objectContaining({ name: 'inventory service', status: 'ok' }),
      ]),
    },
  });

  // The way back.
  await makeCurrent('');
  expect(await waiting).toMatchObject({ status: 'confirmed' });
  await state().toMatchObject({
    status: 'ok',
    found: expect.stringMatching(/^\S+ polls task queue orders$/),
  });

  // Only a version is left, and none is current.
  await platform.stop('orders');
  await startVersion('1');
  await state().toMatchObject({
    status: 'failed',
    found: expect.stringMatching(
      /^\S+ polls task queue orders as version 1 of concord-orders; its new work is for workers without a version$/,
    ),
    fix: expect.stringContaining('--deployment-name concord-orders --build-id 1 --address'),
  });
});

const BOTH =
  /^\S+ polls task queue orders as version 1 of concord-orders; \S+ polls task queue orders without a version$/;

async function startVersion(buildId: string): Promise<() => Promise<void>> {
  const worker = await createServiceWorker('orders', {
    connection,
    namespace: platform.namespace,
    database: platform.databases.orders,
    workflowBundle: { codePath: inject('workflowBundles').orders },
    version: { deploymentName: DEPLOYMENT, buildId },
  });
  const ended = worker.run();
  const end = async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended;
  };
  ends.push(end);
  return end;
}

/** What `temporal worker deployment set-current-version` does; without a build id, it is `--unversioned`. */
async function makeCurrent(buildId: string): Promise<void> {
  const request = { namespace: platform.namespace, deploymentName: DEPLOYMENT, buildId };
  const { workflowService } = platform.concord.client;
  // Temporal refuses a version until its worker has polled.
  await vi.waitFor(() => workflowService.setWorkerDeploymentCurrentVersion(request), { timeout: 30_000 });
}

const DEPLOYMENT = 'concord-orders';
