import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { SWEEP_BUDGET } from '../../domain/policies.ts';
import type { Orphan } from '../../domain/resolution.ts';
import { startTimeSkipping, type TimeSkipping } from '../support/time-skipping.ts';

let skipping: TimeSkipping;

// One server each: what one test leaves scheduled would keep the next one's clock from skipping.
beforeEach(async () => {
  skipping = await startTimeSkipping();
});

afterEach(() => skipping[Symbol.asyncDispose]());

/** Runs a sweep whose search and look into outboxes are these, and does something meanwhile. */
async function sweepWith(
  findOrphans: () => Promise<unknown>,
  meanwhile: () => Promise<unknown> = async () => {},
  publishLeftBehind: () => Promise<unknown> = async () => [],
): Promise<unknown> {
  const { client, nativeConnection } = skipping.environment;
  const worker = await Worker.create({
    connection: nativeConnection,
    taskQueue: 'inventory',
    workflowBundle: { codePath: inject('workflowBundles').inventory },
    activities: { 'inventory.findOrphans': findOrphans, 'inventory.publishLeftBehind': publishLeftBehind },
  });
  return worker.runUntil(async () => {
    const options = { taskQueue: 'inventory', workflowId: 'sweep', args: [0] };
    const sweep = await client.workflow.start('reapHolds', options);
    await meanwhile();
    return sweep.result();
  });
}

function orphan(orderId: string, lines: unknown = [{ sku: 'SKU', quantity: 1 }]): Orphan {
  const order = { orderId, customerId: 'customer', lines } as Orphan['order'];
  return { order, strategy: 'two-phase', coordinator: 'closed' };
}

test('one resolution that can’t be started is reported, and keeps no other one', async () => {
  const found = [
    orphan('first'),
    orphan('unstartable', null),
    { orderId: 'x', problem: 'y' },
    orphan('last'),
  ];
  const unpublished = { orderId: 'z', problem: 'outbox: it must be a list' };
  expect(
    await sweepWith(
      async () => found,
      undefined,
      async () => [unpublished],
    ),
  ).toEqual({
    orderIds: ['first', 'last'],
    skipped: [
      { orderId: 'x', problem: 'y' },
      { orderId: 'unstartable', problem: expect.stringMatching(/^its resolution can't be started: /) },
      unpublished,
    ],
  });
});

test('outboxes that can’t be read keep no hold from being settled', async () => {
  const unreadable = () => Promise.reject(ApplicationFailure.nonRetryable('unreadable'));
  const sweep = sweepWith(async () => [orphan('held')], undefined, unreadable);
  await expect(sweep).rejects.toThrow('Workflow execution failed');
  const { workflow } = skipping.environment.client;
  expect(await workflow.getHandle('resolve/held').describe()).toMatchObject({ type: 'resolveOrder' });
});

test('a search that fails each time ends by its time limit, so that another sweep can begin', async () => {
  const { environment } = skipping;
  const down = () => Promise.reject(new Error('the database is down'));
  const sweep = sweepWith(down, () => environment.sleep(SWEEP_BUDGET + 10_000));
  await expect(sweep).rejects.toThrow('Workflow execution failed');
  const { startTime, closeTime } = await environment.client.workflow.getHandle('sweep').describe();
  const took = Number(closeTime) - Number(startTime);
  expect(took).toBeGreaterThan(SWEEP_BUDGET / 2);
  expect(took).toBeLessThanOrEqual(SWEEP_BUDGET + 10_000);
});
