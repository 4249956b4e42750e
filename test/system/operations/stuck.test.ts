import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runCliAsJson } from '../../support/run-cli.ts';
import { orderOf, placeAndWait, placeAnother, terminate } from './support.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

const cli = (...args: string[]) =>
  runCliAsJson(args, {
    env: { TEMPORAL_ADDRESS: platform.address, TEMPORAL_NAMESPACE: platform.namespace },
  });

const AT_ONCE = { failures: 0, longerThan: 0 };

describe('stuck', () => {
  test('lists what fails too often or too long, and nothing else; retry skips the wait', async () => {
    const { concord } = platform;
    await concord.restock('compensation', 10);
    platform.breakDown('inventory');
    await placeAndWait(platform, 'compensation', { inventory: 'rolling-back' }, { prepareBudget: 1_000 });
    await expect
      .poll(() => concord.stuck({ failures: 4, longerThan: 3_600_000 }), { timeout: 30_000, interval: 200 })
      .toMatchObject([{ orderId: 'compensation', problem: 'retrying', step: 'inventory.rollback' }]);
    const [step] = await concord.stuck({ failures: 4 });
    expect(step).toMatchObject({ attempts: 5, lastError: 'the database is down' });
    expect(Date.parse(step?.since ?? '')).toBeLessThan(Date.now() - 5_000);
    expect(await concord.stuck({ failures: 1_000, longerThan: 1_000 })).toEqual([step]);
    expect(await concord.stuck()).toEqual([]);

    platform.repair('inventory');
    expect(await placeAnother(platform)).toMatchObject({ status: 'confirmed' });
    expect(await concord.retry('compensation')).toMatchObject({ steps: ['inventory.rollback'] });
    expect(await concord.place(orderOf('compensation', 2))).toMatchObject({ status: 'rejected' });
    expect(Date.now(), 'it is done before its next attempt').toBeLessThan(
      Date.parse(step?.nextAttemptAt ?? ''),
    );
    expect(await concord.stuck(AT_ONCE)).toEqual([]);
  });

  test('a workflow whose worker has taken it and does not answer waits, and is not called broken', async () => {
    const { concord, namespace } = platform;
    await platform.stop('orders');
    const { client } = concord;
    const taskQueue = { name: 'orders' };
    await client.workflow.start('placeOrder', {
      ...{ taskQueue: 'orders', workflowId: 'order/hanging', workflowTaskTimeout: '1 second' },
      args: [{ order: orderOf('hanging') }],
    });
    await client.withDeadline(Date.now() + 30_000, () =>
      client.workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'hangs' }),
    );
    await expect
      .poll(() => concord.stuck(AT_ONCE))
      .toMatchObject([
        { orderId: 'hanging', problem: 'waiting', lastError: 'its worker did not answer in time' },
      ]);
    expect(await concord.stuck()).toEqual([]);
    await platform.start('orders');
    expect(await concord.place(orderOf('hanging'))).toMatchObject({ status: 'rejected' });
  });

  test('lists what no worker takes: an activity, and a workflow', async () => {
    const { concord } = platform;
    await concord.restock('untaken', 10);
    await platform.stop('inventory');
    await placeAndWait(platform, 'untaken', { orders: 'prepared' });
    const untaken = { problem: 'waiting', attempts: 0, lastError: 'no worker has taken it' };
    await expect
      .poll(() => concord.stuck({ longerThan: 500 }))
      .toMatchObject([{ orderId: 'untaken', step: 'inventory.prepare', ...untaken }]);
    expect(await cli('stuck', '--longer-than', '0.5')).toEqual({
      exitCode: 0,
      document: await concord.stuck({ longerThan: 500 }),
      failure: undefined,
    });
    expect(await cli('retry', 'untaken')).toMatchObject({
      exitCode: 0,
      document: { orderId: 'untaken', steps: ['inventory.prepare'] },
    });
    await platform.stop('orders');
    await concord.place(orderOf('not-begun'), { wait: 'accepted' });
    await expect
      .poll(() => concord.stuck({ longerThan: 500 }))
      .toMatchObject([{ orderId: 'untaken' }, { orderId: 'not-begun', step: 'workflow', ...untaken }]);
    await platform.start('orders');
    await platform.start('inventory');
    await concord.place(orderOf('untaken', 2));
    await concord.place(orderOf('not-begun'));
  });

  test('lists what was terminated until it is resolved; not what was refused before it began', async () => {
    const { concord } = platform;
    await concord.client.workflow
      .execute('placeOrder', { taskQueue: 'orders', workflowId: 'order/malformed', args: [{ order: {} }] })
      .catch(() => {});
    await platform.stop('inventory');
    await placeAndWait(platform, 'terminated', { orders: 'prepared' });
    await terminate(platform, 'terminated');
    await expect
      .poll(() => concord.stuck())
      .toMatchObject([
        { orderId: 'terminated', problem: 'stopped', step: 'workflow', lastError: 'terminated: given up' },
      ]);
    await platform.start('inventory');
    await concord.resolve('terminated', { as: 'cancelled' });
    await expect.poll(() => concord.stuck()).toEqual([]);
  });
});

describe('retry is refused', () => {
  test('of an unknown order, and of one that is done', async () => {
    const { concord } = platform;
    await concord.restock('done', 10);
    await concord.place(orderOf('done'));
    await expect(concord.retry('nobody')).rejects.toMatchObject({ code: 'UnknownOrder' });
    await expect(concord.retry('done')).rejects.toMatchObject({ code: 'NothingToRetry' });
    expect(await placeAnother(platform)).toMatchObject({ status: 'confirmed' });
  });

  test('by a server that has no such call', async () => {
    const { concord } = platform;
    await platform.stop('inventory');
    await placeAndWait(platform, 'unsupported', { orders: 'prepared' });
    const answer = Object.assign(new Error('12 UNIMPLEMENTED'), { code: 12, details: '', metadata: {} });
    vi.spyOn(concord.client.workflowService, 'resetActivity').mockRejectedValueOnce(answer);
    await expect(concord.retry('unsupported')).rejects.toMatchObject({ code: 'RetryUnsupported' });
    await platform.start('inventory');
  });
});
