import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { describe, expect, inject, test } from 'vitest';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { DEFAULT_STRATEGY, type Strategy } from '../../../domain/strategies.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { tryNowSignal, waitingQuery } from '../../../workflows/order/messages.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { orderOf, prepareByHand, preparedAndTerminated } from '../operations/support.ts';

// Orders outlive deployments: today's workflow code must replay what yesterday's has recorded. A change that fails here
// needs a patch (`patched` of @temporalio/workflow) or a new worker version, not a new recording. To add a recording:
// RECORD_HISTORIES=1 npx vitest run test/system/replay

const directory = new URL('./histories/', import.meta.url);
const recordings = ((await readdir(directory).catch(() => [])) as string[]).filter((file) =>
  file.endsWith('.json'),
);

describe('recorded histories', () => {
  test('cover every outcome', () => {
    const names = recordings.map((file) => file.replace(/^\d+-|\.json$/g, ''));
    expect(names).toEqual(expect.arrayContaining(Object.keys(outcomes)));
  });

  test.each(recordings)('%s replays against the workflow code of today', async (file) => {
    const recording = JSON.parse(await readFile(new URL(file, directory), 'utf8'));
    const service: ServiceName = recording.service;
    await Worker.runReplayHistory(
      { workflowBundle: { codePath: inject('workflowBundles')[service] }, replayName: file },
      historyFromJSON(recording.history),
      recording.workflowId,
    );
  });
});

test.runIf(process.env.RECORD_HISTORIES)(
  'record the histories that are missing',
  { timeout: 300_000 },
  async () => {
    await mkdir(directory, { recursive: true });
    const platform = await startPlatform();
    await platform.concord.restock('SKU', 100);
    for (const [name, { service, isEndless, run }] of Object.entries(outcomes)) {
      const number = recordings.length + 1;
      if (recordings.some((file) => file.endsWith(`-${name}.json`))) continue;
      const workflowId = await run(platform, name);
      const handle = platform.concord.client.workflow.getHandle(workflowId);
      if (!isEndless) await handle.result().catch(() => {}); // one of the outcomes is a failure
      const history = historyToJSON(await handle.fetchHistory());
      const file = `${String(number).padStart(2, '0')}-${name}.json`;
      await writeFile(
        new URL(file, directory),
        `${JSON.stringify({ service, workflowId, history: JSON.parse(anonymous(history)) }, null, 1)}\n`,
      );
      recordings.push(file);
    }
    await platform[Symbol.asyncDispose]();
  },
);

/** Leaves out on which machine, and where on it, a history was recorded. */
function anonymous(history: string): string {
  return history
    .replaceAll(`${process.cwd()}/`, '')
    .replaceAll(hostname(), 'host')
    .replaceAll(/\b\d+@host\b/g, '1@host');
}

interface Recorded {
  readonly service: ServiceName;
  /** What never ends is recorded as far as it has come. */
  readonly isEndless?: true;
  /** Brings the outcome about, and returns the workflow's id. */
  run(platform: Platform, name: string): Promise<string>;
}

function place(lines: { sku: string; quantity: number }[], strategy: Strategy = DEFAULT_STRATEGY): Recorded {
  return {
    service: 'orders',
    async run({ concord }, orderId) {
      await concord.place({ orderId, customerId: 'customer', lines }, { strategy });
      return `order/${orderId}`;
    },
  };
}

/** Does something to an order that waits for the inventory, then lets the inventory come back. */
function whileInventoryIsDown(
  act: (platform: Platform, orderId: string) => Promise<unknown>,
  options: { prepareBudget?: number; strategy?: Strategy } = {},
): Recorded {
  return {
    service: 'orders',
    async run(platform, orderId) {
      const { concord } = platform;
      await platform.stop('inventory');
      const order = { orderId, customerId: 'customer', lines: [{ sku: 'SKU', quantity: 1 }] };
      await concord.place(order, { ...options, wait: 'accepted' });
      await expect.poll(async () => (await concord.status(orderId)).participants.orders).toBe('prepared');
      await act(platform, orderId);
      await platform.start('inventory');
      return `order/${orderId}`;
    },
  };
}

function sweep({ concord }: Platform, workflowId: string): Promise<unknown> {
  return concord.client.workflow.execute('reapHolds', { taskQueue: 'inventory', workflowId, args: [0] });
}

function isRollingBack({ concord }: Platform, orderId: string): Promise<void> {
  return expect
    .poll(async () => (await concord.status(orderId)).phase, { timeout: 20_000 })
    .toBe('rolling-back');
}

/** The outcomes of an order in a strategy whose workflow exchanges messages or events with the inventory. */
function exchanged(strategy: Strategy): Record<string, Recorded> {
  const cancel = ({ concord }: Platform, orderId: string) => concord.cancel(orderId, { reason: 'recorded' });
  return {
    [`${strategy}-confirmed`]: place([{ sku: 'SKU', quantity: 1 }], strategy),
    [`${strategy}-out-of-stock`]: place([{ sku: 'SKU', quantity: 1_000 }], strategy),
    [`${strategy}-cancelled`]: whileInventoryIsDown(cancel, { strategy }),
    [`${strategy}-timed-out`]: whileInventoryIsDown(isRollingBack, { strategy, prepareBudget: 2_000 }),
  };
}

/** Three orders at once for one mailbox, of which the first fails at first. */
const mailbox: Recorded = {
  service: 'orders',
  isEndless: true,
  async run(platform, name) {
    const { concord, databases } = platform;
    const workflowId = mailboxIdOf(orderOf(name));
    const ids = Array.from({ length: 50 }, (_, index) => `${name}-${index}`);
    const neighbours = ids.filter((id) => mailboxIdOf(orderOf(id)) === workflowId).slice(0, 2);
    for (const sku of [name, ...neighbours]) await concord.restock(sku, 1);
    const stock = databases.inventory.collection<{ _id: string; holds: unknown }>('stock');
    await stock.updateOne({ _id: name }, { $set: { holds: 'none' } });
    await platform.stop('inventory');
    for (const orderId of [name, ...neighbours]) {
      await concord.place(orderOf(orderId), { strategy: 'message-queue', wait: 'accepted' });
      await expect.poll(async () => (await concord.status(orderId)).participants.orders).toBe('prepared');
    }
    await platform.start('inventory');
    for (const orderId of neighbours) await concord.place(orderOf(orderId));
    const waiting = () => concord.client.workflow.getHandle(workflowId).query(waitingQuery);
    await expect
      .poll(async () => (await waiting()).find(({ orderId }) => orderId === name)?.failures)
      .toBeGreaterThan(1);
    await stock.updateOne({ _id: name }, { $set: { holds: [] } });
    await concord.retry(name);
    expect(await concord.place(orderOf(name))).toMatchObject({ status: 'confirmed' });
    return workflowId;
  },
};

/** An event-driven order that has ended, and all that it has told has left its outboxes. */
const mailboxOfEvents: Recorded = {
  service: 'orders',
  isEndless: true,
  async run({ concord, orders }, orderId) {
    const order = { orderId, customerId: 'customer', lines: [{ sku: 'SKU', quantity: 1 }] };
    await concord.place(order, { strategy: 'event-driven' });
    const workflowId = mailboxIdOf(order);
    await expect
      .poll(async () => {
        await concord.client.workflow.getHandle(workflowId).signal(tryNowSignal, orderId);
        return (await orders.findOne({ _id: orderId }))?.outbox;
      })
      .toEqual([]);
    return workflowId;
  },
};

const outcomes: Record<string, Recorded> = {
  confirmed: place([{ sku: 'SKU', quantity: 1 }]),
  'out-of-stock': place([{ sku: 'SKU', quantity: 1_000 }]),
  'unknown-sku': place([
    { sku: 'SKU', quantity: 1 },
    { sku: 'UNKNOWN', quantity: 1 },
  ]),
  cancelled: whileInventoryIsDown(({ concord }, orderId) => concord.cancel(orderId, { reason: 'recorded' })),
  'cancelled-by-temporal': whileInventoryIsDown(({ concord }, orderId) =>
    concord.client.workflow.getHandle(`order/${orderId}`).cancel(),
  ),
  'prepare-timed-out': whileInventoryIsDown(isRollingBack, { prepareBudget: 2_000 }),
  'cancel-refused': whileInventoryIsDown(
    async (platform, orderId) => {
      await isRollingBack(platform, orderId);
      await expect(platform.concord.cancel(orderId)).rejects.toMatchObject({ code: 'TooLate' });
    },
    { prepareBudget: 2_000 },
  ),
  'decision-awaited': {
    service: 'orders',
    async run({ concord }, orderId) {
      const order = { orderId, customerId: 'customer', lines: [{ sku: 'SKU', quantity: 1 }] };
      await concord.place(order, { wait: 'decided' });
      return `order/${orderId}`;
    },
  },
  'already-decided': {
    service: 'orders',
    async run({ concord, orders }, orderId) {
      // As if the history of an earlier order of this id were no longer kept.
      const createdAt = new Date();
      const lines = [{ sku: 'SKU', quantity: 1 }];
      const document = { _id: orderId, coordinatorId: 'earlier', customerId: 'customer', lines, createdAt };
      await orders.insertOne({
        ...{ ...document, status: 'confirmed', strategy: 'two-phase', updatedAt: createdAt },
      });
      expect(await concord.place({ orderId, customerId: 'customer', lines })).toMatchObject({
        status: 'confirmed',
      });
      return `order/${orderId}`;
    },
  },
  'invalid-input': {
    service: 'orders',
    async run({ concord }, orderId) {
      const workflowId = `order/${orderId}`;
      await concord.client.workflow.start('placeOrder', {
        taskQueue: 'orders',
        workflowId,
        args: [{ order: {} }],
      });
      return workflowId;
    },
  },
  restocked: {
    service: 'inventory',
    async run({ concord }, receiptId) {
      await concord.restock('SKU', 1, { receiptId });
      return `restock/${receiptId}`;
    },
  },
  resolved: {
    service: 'orders',
    async run(platform, orderId) {
      await preparedAndTerminated(platform, orderId);
      expect(await platform.concord.resolve(orderId, { as: 'confirmed' })).toMatchObject({
        status: 'confirmed',
      });
      return `resolve/${orderId}`;
    },
  },
  'resolved-in-its-place': {
    service: 'orders',
    async run(platform, orderId) {
      const { concord } = platform;
      await concord.restock(orderId, 10);
      await prepareByHand(platform, orderId);
      await concord.resolve(orderId, { as: 'cancelled', reason: 'recorded' });
      return `order/${orderId}`;
    },
  },
  'nothing-to-reap': {
    service: 'inventory',
    async run(platform, workflowId) {
      expect(await sweep(platform, workflowId)).toEqual({ orderIds: [], skipped: [] });
      return workflowId;
    },
  },
  reaped: {
    service: 'inventory',
    async run(platform, workflowId) {
      await platform.concord.restock('orphan', 10);
      await prepareByHand(platform, 'orphan');
      expect(await sweep(platform, workflowId)).toEqual({ orderIds: ['orphan'], skipped: [] });
      return workflowId;
    },
  },
  ...exchanged('message-queue'),
  ...exchanged('event-driven'),
  mailbox,
  'mailbox-of-events': mailboxOfEvents,
};
