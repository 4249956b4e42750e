import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { judge, judgeEnded, missingWorkerFix, type TaskQueue } from '../../../client/cli/doctor/worker.ts';
import { keepRecord } from '../../../tools/servers/running.ts';

// What doctor says of who polls and which version gets the work. That the server says so: test/long/client/versions.test.ts.

const server = { address: 'temporal:7233', namespace: 'shop' };
const one = { deploymentName: 'concord-orders', buildId: '1' };
const two = { deploymentName: 'concord-orders', buildId: '2' };
const ten = { deploymentName: 'concord-orders', buildId: '10' };

/** A task queue that workers of these versions poll for tasks of both types. */
function polledBy(
  versions: readonly (typeof one | undefined)[],
  routing: Pick<TaskQueue, 'current'> & Partial<TaskQueue>,
): TaskQueue {
  const pollers = versions.map((version) => ({ identity: `pod-${version?.buildId ?? 'plain'}`, version }));
  return { name: 'orders', workflows: pollers, activities: pollers, ...routing };
}

const command = (choice: string, verb = 'set-current-version') =>
  `temporal worker deployment ${verb} --deployment-name concord-orders ${choice} --address temporal:7233 --namespace shop`;

// No `npm start` runs.
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  process.env.CONCORD_CACHE = directory;
});
afterAll(async () => {
  delete process.env.CONCORD_CACHE;
  await rm(directory, { recursive: true });
});

describe('it is fine', () => {
  test('where workers without a version poll, and none is current', () => {
    expect(judge(polledBy([undefined], { current: undefined }), server)).toEqual({
      name: 'orders worker',
      status: 'ok',
      found: 'pod-plain polls task queue orders',
    });
  });

  test('where the current version polls, and an old one ends what it has begun', () => {
    expect(judge(polledBy([one, two], { current: two }), server)).toMatchObject({
      status: 'ok',
      found:
        'pod-2 polls task queue orders as version 2 of concord-orders; pod-1 polls task queue orders as version 1 of concord-orders',
    });
  });

  test('where a new version waits beside the workers without one', () => {
    expect(judge(polledBy([undefined, one], { current: undefined }), server)).toMatchObject({ status: 'ok' });
  });

  test('where the current version and the one with a share poll', () => {
    const ramping = { version: two, percentage: 10 };
    expect(judge(polledBy([one, two], { current: one, ramping }), server)).toMatchObject({ status: 'ok' });
  });
});

describe('it is not', () => {
  test('where nobody polls: see the log, wherever it runs, or start one', () => {
    expect(judge(polledBy([], { current: undefined }), server)).toEqual({
      name: 'orders worker',
      status: 'failed',
      found: 'nobody polls task queue orders',
      fix: missingWorkerFix('orders', server),
    });
    expect(missingWorkerFix('orders', server)).toBe(
      'see its log (`docker compose logs orders`, `kubectl --namespace concord logs deployment/concord-orders`), ' +
        'or start this worker alone: `npx tsx workers/orders.ts`',
    );
  });

  test('where the worker of a running `npm start` is missing: see what that prints', async () => {
    const record = await keepRecord({ role: 'start', throwAwayDirectories: [] });
    const temporal = { ...server, uiUrl: 'http://localhost:8233', origin: 'a test' };
    await record.update({ ready: true, temporal });
    expect(missingWorkerFix('orders', server)).toMatch(
      /^see what the running `npm start` prints, and start it again/,
    );
    expect(missingWorkerFix('orders', { address: 'elsewhere:7233' })).not.toContain('npm start');
    await record.remove();
  });

  test('where a worker polls for tasks of one type only', () => {
    const half = { ...polledBy([undefined], { current: undefined }), activities: [] };
    expect(judge(half, server)).toMatchObject({ found: 'nobody polls task queue orders' });
    const versioned = { ...polledBy([one], { current: one }), activities: [] };
    expect(judge(versioned, server)).toMatchObject({ status: 'failed' });
  });

  test('where workers without a version poll, but a version is current: run that, or the way back', () => {
    expect(judge(polledBy([undefined], { current: one }), server)).toMatchObject({
      status: 'failed',
      found:
        'pod-plain polls task queue orders without a version; its new work is for version 1 of concord-orders',
      fix: `run version 1 of concord-orders (TEMPORAL_DEPLOYMENT_NAME=concord-orders TEMPORAL_WORKER_BUILD_ID=1), or give its work to workers without a version: \`${command('--unversioned')}\``,
    });
  });

  test('where nobody polls, but a version is current', () => {
    expect(judge(polledBy([], { current: one }), server)).toMatchObject({
      status: 'failed',
      found: 'nobody polls task queue orders; its new work is for version 1 of concord-orders',
      fix: expect.stringContaining(command('--unversioned')),
    });
  });

  test('where only versions poll, and none is current: make the newest current', () => {
    expect(judge(polledBy([two, ten, one], { current: undefined }), server)).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/; its new work is for workers without a version$/),
      fix: `run workers without a version, or give its work to version 10 of concord-orders: \`${command('--build-id 10')}\``,
    });
  });

  test('where only an old version polls: run the current one, or make the old one current again', () => {
    expect(judge(polledBy([one], { current: two }), server)).toMatchObject({
      status: 'failed',
      found:
        'pod-1 polls task queue orders as version 1 of concord-orders; its new work is for version 2 of concord-orders',
      fix: expect.stringContaining(command('--build-id 1')),
    });
  });

  test('where a new version and workers without one poll, but not the current one: each may get the work', () => {
    expect(judge(polledBy([undefined, two, ten], { current: one }), server)).toMatchObject({
      status: 'failed',
      fix: `run version 1 of concord-orders (TEMPORAL_DEPLOYMENT_NAME=concord-orders TEMPORAL_WORKER_BUILD_ID=1), or give its work to version 10 of concord-orders: \`${command('--build-id 10')}\`, or give its work to workers without a version: \`${command('--unversioned')}\``,
    });
  });

  test('where a version gets a share, and nobody polls as it', () => {
    const ramping = { version: two, percentage: 10 };
    expect(judge(polledBy([one], { current: one, ramping }), server)).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/; 10 % of its new work is for version 2 of concord-orders$/),
      fix: expect.stringContaining(`\`${command('--build-id 2', 'set-ramping-version')} --delete\``),
    });
  });
});

describe('where all are listed, but nobody takes a task', () => {
  test('the current version may have ended: run it, or give its work to another', () => {
    expect(judgeEnded(polledBy([one, two], { current: two }), server)).toMatchObject({
      status: 'failed',
      fix: expect.stringMatching(/^run version 2 .* or give its work to version 1 /),
    });
  });

  test('the version with a share may have ended as well: end its share, and give it no work', () => {
    const ramping = { version: ten, percentage: 100 };
    const { status, fix } = judgeEnded(polledBy([two, ten], { current: two, ramping }), server);
    expect({ status, fix }).toEqual({
      status: 'failed',
      fix:
        'run version 10 of concord-orders (TEMPORAL_DEPLOYMENT_NAME=concord-orders TEMPORAL_WORKER_BUILD_ID=10), ' +
        `or end its share: \`${command('--build-id 10', 'set-ramping-version')} --delete\`; ` +
        'and run version 2 of concord-orders (TEMPORAL_DEPLOYMENT_NAME=concord-orders TEMPORAL_WORKER_BUILD_ID=2) if that has ended',
    });
  });

  test('the same where workers without a version have the share', () => {
    const ramping = { version: undefined, percentage: 10 };
    expect(judgeEnded(polledBy([one, undefined], { current: one, ramping }), server).fix).toMatch(
      /^run workers without a version, or end its share: .* --unversioned .* --delete`; and run version 1 /,
    );
  });
});
