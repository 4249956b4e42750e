import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DEFAULT_STRATEGY, strategies } from '../../../domain/strategies.ts';
import { ensureSchedule, reaperSchedule } from '../../../workers/schedules.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import {
  confirmedAndTerminated,
  orderOf,
  placeAndWait,
  prepareByHand,
  recorded,
  terminate,
  untilQuiet,
} from './support.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

let sweeps = 0;

/** Which orders a sweep begins to settle. */
async function sweep(holdLimit = 0): Promise<readonly string[]> {
  sweeps += 1;
  const { orderIds } = await platform.concord.client.workflow.execute('reapHolds', {
    taskQueue: 'inventory',
    workflowId: `sweep-${sweeps}`,
    args: [holdLimit],
  });
  return orderIds;
}

const settled = (orderId: string) =>
  expect.poll(async () => ({ ...(await recorded(platform, orderId)), ...(await shown(orderId)) }));

async function shown(orderId: string) {
  const { phase, reason } = await platform.concord.status(orderId);
  return { phase, code: reason?.code };
}

const CONFIRMED = { status: 'confirmed', available: 8, reserved: 0, sold: 2 };
const GIVEN_UP = { status: 'rejected', code: 'Abandoned', available: 10, reserved: 0, sold: 0 };

describe('an orphan is settled', () => {
  test('whose workflow was terminated with stock on hold', async () => {
    await platform.concord.restock('terminated', 10);
    await heldWhileOrdersAreBroken('terminated');
    await terminate(platform, 'terminated');
    platform.repair('orders');
    expect(await recorded(platform, 'terminated')).toMatchObject({ status: undefined, reserved: 2 });
    expect(await sweep()).toEqual(['terminated']);
    await settled('terminated').toEqual({ ...GIVEN_UP, phase: 'final' });
    expect(await sweep()).toEqual([]);
  });

  test.each(strategies)('that has no workflow at all, whatever else is damaged: %s', async (strategy) => {
    const nobody = `nobody-${strategy}`;
    await platform.concord.restock(nobody, 10);
    await prepareByHand(platform, nobody, { only: 'inventory', strategy });
    const damaged = { available: 1, reserved: 0, sold: 0, received: 1, holds: { '0': 'none' }, settled: [] };
    await platform.databases.inventory.collection('stock').insertOne({ ...damaged, sku: 'damaged' });
    expect(await sweep()).toEqual([nobody]);
    await platform.databases.inventory.collection('stock').deleteOne({ sku: 'damaged' });
    await settled(nobody).toEqual({ ...GIVEN_UP, phase: 'final' });
    expect(await platform.concord.place(orderOf(nobody, 2))).toMatchObject({
      status: 'rejected',
      joined: true,
    });
    await untilQuiet(platform, nobody);
    expect(await platform.orders.findOne({ _id: nobody })).toMatchObject(
      strategy === DEFAULT_STRATEGY ? {} : { strategy },
    );
  });

  test.each(
    strategies.flatMap((strategy) => [
      ['confirmed' as const, strategy],
      ['cancelled' as const, strategy],
    ]),
  )('whose decision, %s, its worker did not carry out: %s', async (status, strategy) => {
    const { concord, orders, inventory } = platform;
    const orderId = `undone-${status}-${strategy}`;
    await concord.restock(orderId, 10);
    await prepareByHand(platform, orderId, { strategy });
    const decision = status === 'confirmed' ? 'commit' : 'rollback';
    const decided = { $set: { decision }, $currentDate: { decidedAt: true } } as const;
    await inventory.reservations.updateOne({ _id: orderId }, decided);
    const reason = { code: 'Cancelled', message: 'changed their mind' };
    await orders.updateOne({ _id: orderId }, { $set: { status, ...(status === 'cancelled' && { reason }) } });
    expect(await sweep()).toEqual([orderId]);
    const released = { status, available: 10, reserved: 0, sold: 0 };
    await expect
      .poll(() => recorded(platform, orderId))
      .toEqual(status === 'confirmed' ? CONFIRMED : released);
  });

  test('as the order service has it on record, where the inventory was not told', async () => {
    await confirmedAndTerminated(platform, 'decided');
    expect(await sweep()).toEqual(['decided']);
    await expect.poll(() => recorded(platform, 'decided')).toEqual(CONFIRMED);
  });
});

describe('left alone is', () => {
  test('a slow order that lives, however old its hold is', async () => {
    await platform.concord.restock('slow', 10);
    await heldWhileOrdersAreBroken('slow');
    const openedAt = new Date(Date.now() - 86_400_000);
    await platform.inventory.reservations.updateOne({ _id: 'slow' }, { $set: { openedAt } });
    expect(await sweep(3_600_000)).toEqual([]);
    expect(await recorded(platform, 'slow')).toMatchObject({ reserved: 2 });
    platform.repair('orders');
    expect(await platform.concord.place(orderOf('slow', 2))).toMatchObject({ status: 'confirmed' });
    expect(await recorded(platform, 'slow')).toEqual(CONFIRMED);
  });

  test('an orphan that is younger than the limit, until it is older', async () => {
    await platform.concord.restock('young', 10);
    await prepareByHand(platform, 'young');
    expect(await sweep(3_600_000)).toEqual([]);
    expect(await sweep()).toEqual(['young']);
    await settled('young').toMatchObject({ phase: 'final' });
  });

  test('an orphan that nothing can settle: it waits for an operator, and is not tried again and again', async () => {
    const { concord, orders } = platform;
    await concord.restock('torn', 10);
    await prepareByHand(platform, 'torn');
    // A record that contradicts the inventory, which has not prepared this.
    await orders.updateOne({ _id: 'torn' }, { $set: { status: 'confirmed' } });
    await platform.inventory.reservations.updateOne({ _id: 'torn' }, { $set: { prepared: false } });
    for (const _ of ['beside no workflow', 'beside the one that has failed']) {
      expect(await sweep()).toEqual(['torn']);
      await expect.poll(() => concord.stuck()).toMatchObject([{ orderId: 'torn', problem: 'stopped' }]);
    }
    await expect.poll(() => sweep()).toEqual([]);
    expect(await concord.stuck()).toMatchObject([
      { lastError: expect.stringContaining('inventory has it as preparing') },
    ]);
  });
});

describe('what is wrong with one order is shown, and keeps no other one:', () => {
  test('its reservation lacks its lines; once that is mended, it is settled as well', async () => {
    const { concord, inventory } = platform;
    await concord.restock('no-lines', 10);
    await prepareByHand(platform, 'no-lines', { only: 'inventory' });
    const { lines } = (await inventory.reservations.findOne({ _id: 'no-lines' })) ?? {};
    await inventory.reservations.updateOne({ _id: 'no-lines' }, { $unset: { lines: 1 } });
    await concord.restock('made-later', 10);
    await prepareByHand(platform, 'made-later', { only: 'inventory' });
    expect(await sweep()).toEqual(['made-later']);
    await settled('made-later').toEqual({ ...GIVEN_UP, phase: 'final' });
    await expect
      .poll(() => skipped('no-lines'))
      .toMatchObject([
        {
          step: 'inventory.findOrphans',
          lastError: expect.stringMatching(/^its reservation is damaged: lines: /),
        },
      ]);
    if (lines) await inventory.reservations.updateOne({ _id: 'no-lines' }, { $set: { lines } });
    expect(await sweep()).toEqual(['no-lines']);
    await settled('no-lines').toEqual({ ...GIVEN_UP, phase: 'final' });
    await expect.poll(() => skipped('no-lines')).toEqual([]);
  });

  test('the memo of its workflow can’t be read, as with a key that is not here', async () => {
    const { concord, namespace } = platform;
    const { workflowService } = concord.client;
    const event = { metadata: { encoding: Buffer.from('binary/unheard-of') }, data: Buffer.from('{}') };
    await workflowService.startWorkflowExecution({
      ...{ namespace, workflowId: 'order/memo', requestId: 'memo', memo: { fields: { event } } },
      ...{ workflowType: { name: 'placeOrder' }, taskQueue: { name: 'nobody' } },
    });
    await concord.client.workflow.getHandle('order/memo').terminate();
    for (const orderId of ['memo', 'beside-memo']) {
      await concord.restock(orderId, 10);
      await prepareByHand(platform, orderId, { only: 'inventory' });
    }
    expect(await sweep()).toEqual(['beside-memo']);
    await settled('beside-memo').toEqual({ ...GIVEN_UP, phase: 'final' });
    await expect
      .poll(() => skipped('memo'))
      .toMatchObject([{ lastError: 'Unknown encoding: binary/unheard-of' }]);
    await platform.inventory.reservations.deleteOne({ _id: 'memo' });
    await platform.inventory.stock.deleteOne({ _id: 'memo' });
  });

  test('a stock document has lost its holds', async () => {
    const stock = platform.databases.inventory.collection<{ _id: string; holds: unknown }>('stock');
    await platform.concord.restock('lost', 10);
    await stock.updateOne({ _id: 'lost' }, { $set: { holds: 'none' } });
    await sweep();
    await expect.poll(() => skipped('stock/lost')).toMatchObject([{ lastError: 'holds is no list' }]);
    await stock.deleteOne({ _id: 'lost' });
  });

  test('what somebody has started as a sweep says nothing that can be understood', async () => {
    const { client } = platform.concord;
    const fake = { taskQueue: 'nobody', workflowId: 'fake-sweep', args: [] };
    const { namespace } = platform;
    await client.workflow.start('reapHolds', fake);
    const task = await client.withDeadline(Date.now() + 30_000, () =>
      client.workflowService.pollWorkflowTaskQueue({ namespace, taskQueue: { name: 'nobody' } }),
    );
    const result = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{"skipped":5}') };
    await client.workflowService.respondWorkflowTaskCompleted({
      ...{ namespace, taskToken: task.taskToken },
      commands: [
        {
          commandType: COMPLETE_WORKFLOW,
          completeWorkflowExecutionCommandAttributes: { result: { payloads: [result] } },
        },
      ],
    });
    await expect
      .poll(() => skipped('fake-sweep'))
      .toMatchObject([{ lastError: expect.stringContaining('skipped: ') }]);
    await sweep();
    await expect.poll(() => skipped('fake-sweep')).toEqual([]);
  });
});

test('a sweep whose worker is killed goes on at another one, before the attempt of the killed one is over', async () => {
  const { client } = platform.concord;
  await platform.stop('inventory');
  await platform.start('inventory', 'workflows');
  const swept = sweep();
  await takeAndDie('inventory.findOrphans');
  await platform.start('inventory', 'activities');
  expect(await swept).toEqual([]);
  const { events } = await client.workflow.getHandle(`sweep-${sweeps}`).fetchHistory();
  const attempts = events?.flatMap(({ activityTaskStartedEventAttributes: started }) => started ?? []);
  // `temporal.api.enums.v1.TimeoutType`: 4 is a heartbeat that did not come.
  expect(attempts?.[0]).toMatchObject({
    attempt: 2,
    lastFailure: { timeoutFailureInfo: { timeoutType: 4 } },
  });
  for (const part of ['workflows', 'activities'] as const) await platform.stop('inventory', part);
  await platform.start('inventory');
});

/** Takes such an activity from its queue as a worker does that is killed right after. */
async function takeAndDie(activity: string): Promise<void> {
  const { client } = platform.concord;
  const request = {
    namespace: platform.namespace,
    taskQueue: { name: 'inventory' },
    identity: 'killed',
  };
  const poll = () => client.workflowService.pollActivityTaskQueue(request);
  let taken: string | null | undefined;
  while (taken !== activity)
    taken = (await client.withDeadline(Date.now() + 30_000, poll)).activityType?.name;
}

// `temporal.api.enums.v1.CommandType`
const COMPLETE_WORKFLOW = 4;

async function skipped(orderId: string) {
  const steps = await platform.concord.stuck();
  return steps.filter((step) => step.problem === 'skipped' && step.orderId === orderId);
}

describe('the schedule', () => {
  test('is there as soon as a worker of the inventory is', async () => {
    const { client } = platform.concord;
    const worker = spawn(process.execPath, ['--import', 'tsx', 'workers/inventory.ts'], {
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: platform.address,
        TEMPORAL_NAMESPACE: platform.namespace,
        MONGODB_URI: inject('mongodbUri'),
        INVENTORY_DATABASE: platform.databases.inventory.databaseName,
        REAPER_INTERVAL_SECONDS: '7200',
        REAPER_HOLD_LIMIT_SECONDS: '1200',
      },
    });
    const schedule = client.schedule.getHandle('reap-holds');
    await expect
      .poll(() => schedule.describe().catch(String), { timeout: 60_000 })
      .toMatchObject({ spec: { intervals: [{ every: 7_200_000 }] }, action: { args: [1_200_000] } });
    worker.kill('SIGTERM');
    await once(worker, 'exit');
  }, 90_000);

  test('is made once, takes new settings, keeps a pause, and sweeps', async () => {
    const { client } = platform.concord;
    await ensureSchedule(client, reaperSchedule({ interval: 3_600_000, holdLimit: 900_000 }));
    const schedule = client.schedule.getHandle('reap-holds');
    // The server applies a pause before an update that it got together with it, and the update takes the pause back.
    await expect
      .poll(() => schedule.describe())
      .toMatchObject({ spec: { intervals: [{ every: 3_600_000 }] } });
    await schedule.pause();
    await expect.poll(() => schedule.describe()).toMatchObject({ state: { paused: true } });
    await ensureSchedule(client, reaperSchedule({ interval: 1_800_000, holdLimit: 0 }));
    expect(await schedule.describe()).toMatchObject({
      spec: { intervals: [{ every: 1_800_000 }] },
      action: { args: [0] },
      policies: { overlap: 'SKIP' },
      state: { paused: true },
    });
    const { action } = await schedule.describe();
    // Whatever it hangs of, it has ended before three intervals of a minute are over.
    expect(action).toMatchObject({ workflowRunTimeout: 150_000 });
    await platform.concord.restock('scheduled', 10);
    await prepareByHand(platform, 'scheduled');
    await schedule.trigger();
    await expect
      .poll(() => recorded(platform, 'scheduled'))
      .toEqual({ status: 'rejected', available: 10, reserved: 0, sold: 0 });
  });
});

async function heldWhileOrdersAreBroken(orderId: string): Promise<void> {
  platform.breakDown('orders');
  await placeAndWait(platform, orderId, { orders: 'preparing', inventory: 'prepared' });
}
