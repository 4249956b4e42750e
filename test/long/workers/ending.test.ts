import { spawn } from 'node:child_process';
import { once } from 'node:events';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { openLink } from '../../../tools/chaos/link.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

// How a worker ends that can't end in good order.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.stop('inventory');
});

afterAll(() => platform[Symbol.asyncDispose]());

// As long as Kubernetes and Compose wait before they kill. Milliseconds.
const GRACE = 30_000;

describe('a worker in which an activity never returns', { timeout: 150_000 }, () => {
  test('ends by 4 after SIGTERM, is unready meanwhile, and its log names the activity', async () => {
    const worker = await startHanging('sigterm');
    await worker.hang();
    const took = worker.timeToEnd();
    worker.child.kill('SIGTERM');
    await expect.poll(worker.answers).toEqual({ live: 200, ready: 503, health: 503 });
    expect(await took).toBeLessThan(GRACE);
    expect(worker.child.exitCode).toBe(4);
    expect(worker.lastLine()).toMatchObject({
      level: 60,
      msg: expect.stringContaining('something did not return'),
      unfinished: expect.arrayContaining(['inventory.prepare of order/sigterm, attempt 1']),
    });
  });

  test('ends by 4 after a fatal error, and its log tells both', async () => {
    const worker = await startHanging('fatal');
    await worker.hang();
    worker.child.send('lose');
    await expect.poll(worker.answers).toEqual({ live: 200, ready: 503, health: 503 });
    expect(await worker.timeToEnd()).toBeLessThan(GRACE);
    expect(worker.child.exitCode).toBe(4);
    expect(worker.output()).toMatch(/worker thread exited/i);
    expect(worker.lastLine()).toMatchObject({
      unfinished: expect.arrayContaining(['inventory.prepare of order/fatal, attempt 1']),
    });
  });

  test('ends by 1 after a rejection that nobody handles', async () => {
    const worker = await startHanging('rejected');
    await worker.hang();
    const took = worker.timeToEnd();
    worker.child.send('reject');
    expect(await took).toBeLessThan(GRACE);
    expect(worker.child.exitCode).toBe(1);
  });
});

test('a worker whose own shutdown hangs is not live, and ends by 4', { timeout: 150_000 }, async () => {
  const worker = await startHanging('none');
  await expect.poll(worker.answers).toEqual({ live: 200, ready: 200, health: 200 });
  worker.child.send('keep');
  const took = worker.timeToEnd();
  worker.child.kill('SIGTERM');
  await expect.poll(worker.answers).toEqual({ live: 503, ready: 503, health: 503 });
  expect(await took).toBeLessThan(GRACE);
  expect(worker.child.exitCode).toBe(4);
  expect(worker.lastLine()).toMatchObject({ unfinished: ["the shutdown of Temporal's SDK"] });
});

describe('a worker whose database hangs', { timeout: 150_000 }, () => {
  test('ends by 0 after SIGTERM while it waits for it at its start', async () => {
    const mongodb = await openLink(new URL(inject('mongodbUri')).host);
    onTestFinished(mongodb.close);
    mongodb.stall();
    const worker = await startHanging('none', connectedTo(mongodb.address));
    await expect.poll(worker.answers).toEqual({ live: 200, ready: 503, health: 503 });
    const took = worker.timeToEnd();
    worker.child.kill('SIGTERM');
    expect(await took).toBeLessThan(GRACE);
    expect(worker.child.exitCode).toBe(0);
    expect(worker.lastLine()).toMatchObject({ msg: 'stopped before it had started' });
  });

  test('ends in time after SIGTERM while an activity asks it', async () => {
    const mongodb = await openLink(new URL(inject('mongodbUri')).host);
    onTestFinished(mongodb.close);
    const worker = await startHanging('none', connectedTo(mongodb.address));
    await expect.poll(worker.answers).toEqual({ live: 200, ready: 200, health: 200 });
    mongodb.stall();
    const read = platform.concord.stock(['A']).catch(() => {});
    await expect
      .poll(() => platform.concord.client.workflow.count("WorkflowType = 'readStock'"))
      .toMatchObject({ count: 1 });
    const took = worker.timeToEnd();
    worker.child.kill('SIGTERM');
    expect(await took).toBeLessThan(GRACE);
    // By 0 if the driver has given up by then, which takes 18 seconds and more.
    expect([0, 4]).toContain(worker.child.exitCode);
    await read;
  });
});

const connectedTo = (address: string) => ({ MONGODB_URI: `mongodb://${address}/?directConnection=true` });

/** @param orderId The order on which it hangs. */
async function startHanging(orderId: string, more: Readonly<Record<string, string>> = {}) {
  const port = await getPort({ host: '127.0.0.1' });
  const script = ['--import', 'tsx', 'test/long/workers/hanging-worker.ts'];
  const child = spawn(process.execPath, [...script, inject('workflowBundles').inventory, orderId], {
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: platform.address,
      TEMPORAL_NAMESPACE: platform.namespace,
      MONGODB_URI: inject('mongodbUri'),
      INVENTORY_DATABASE: platform.databases.inventory.databaseName,
      HEALTH_PORT: String(port),
      // A worker that has lost its threads notices at the next task of a workflow.
      REAPER_INTERVAL_SECONDS: '1',
      ...more,
    },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  const closed = once(child, 'close');
  const ask = (path: string) =>
    fetch(`http://127.0.0.1:${port}/${path}`).then(
      ({ status }) => status,
      () => 'refused',
    );
  return {
    child,
    output: () => output,
    /** Of its own: Temporal's core writes some of another form. */
    lastLine(): unknown {
      const lines = output.split('\n').filter((line) => line.startsWith('{'));
      return JSON.parse(lines.at(-1) ?? '{}');
    },
    /** From now on, in milliseconds. */
    async timeToEnd() {
      const from = Date.now();
      await closed;
      return Date.now() - from;
    },
    answers: async () => ({
      live: await ask('live'),
      ready: await ask('ready'),
      health: await ask('health'),
    }),
    /** Places its order, and waits until its activity hangs. */
    async hang() {
      const hangs = once(child, 'message');
      const lines = [{ sku: 'A', quantity: 1 }];
      await platform.concord.place({ orderId, customerId: 'customer', lines }, { wait: 'accepted' });
      await hangs;
    },
  };
}
