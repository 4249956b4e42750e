import { type Document, ObjectId } from 'mongodb';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createOrders } from '../../../activities/orders/participant.ts';
import type { Skipped } from '../../../domain/sweeps.ts';
import { tellStuckOrders } from '../../../platform/visibility/tell-stuck-orders.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runCli } from '../../support/run-cli.ts';
import { placeAndWait, placeAnother, prepareByHand, recorded, requestByHand } from './support.ts';

// Whatever is wrong with one order, those who look at all of them see the others.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterEach(() => {
  vi.restoreAllMocks();
  platform.repair('inventory');
});

afterAll(() => platform[Symbol.asyncDispose]());

const AT_ONCE = { failures: 0, longerThan: 0 };

/** Has one call to Temporal about this workflow fail, or hang, each time. */
function breakCall(
  name: 'describeWorkflowExecution' | 'getWorkflowExecutionHistory' | 'signalWorkflowExecution',
  workflowId: string,
  answer: () => Promise<never>,
): void {
  const { workflowService } = platform.concord.client;
  const call = workflowService[name].bind(workflowService) as (request: unknown) => Promise<unknown>;
  vi.spyOn(workflowService as Record<typeof name, typeof call>, name).mockImplementation(
    async (request: unknown) =>
      JSON.stringify(request).includes(`"${workflowId}"`) ? answer() : call(request),
  );
}

const failing = () => Promise.reject(new Error('shard status unknown'));
const hanging = () => new Promise<never>(() => {});

describe.each([
  ['can’t be described', 'describeWorkflowExecution', failing, 'shard status unknown'],
  ['has a history that can’t be read', 'getWorkflowExecutionHistory', failing, 'shard status unknown'],
  ['hangs when it is asked about', 'describeWorkflowExecution', hanging, 'no answer in 5000 ms'],
] as const)('an order whose workflow %s', (_, call, answer, problem) => {
  const name = `${call}-${answer.name}`;
  const [bad, good] = [`bad-${name}`, `good-${name}`];

  test('is told of in `stuck`, as are the others; the watch reports it, and tells the others', async () => {
    const { concord } = platform;
    platform.breakDown('inventory');
    for (const orderId of [bad, good]) await placeAndWait(platform, orderId, { inventory: 'preparing' });
    const stuckIds = async () => (await concord.stuck(AT_ONCE)).map(({ orderId }) => orderId);
    await expect.poll(stuckIds).toEqual(expect.arrayContaining([bad, good]));
    breakCall(call, `order/${bad}`, answer);
    const stuck = await concord.stuck(AT_ONCE);
    expect(stuck.find(({ orderId }) => orderId === bad)).toMatchObject({
      problem: 'skipped',
      lastError: problem,
    });
    expect(stuck.find(({ orderId }) => orderId === good)).toMatchObject({ problem: 'retrying' });
    const reported: Skipped[] = [];
    const told = await tellStuckOrders(concord.client, AT_ONCE, (skipped) => reported.push(skipped));
    expect(told).toContain(good);
    expect(reported).toContainEqual({ orderId: bad, problem });
  });
});

test('an order that can’t be told of its trouble is reported, and the others are told', async () => {
  const { concord } = platform;
  platform.breakDown('inventory');
  for (const orderId of ['deaf', 'hears']) await placeAndWait(platform, orderId, { inventory: 'preparing' });
  const stuckIds = async () => (await concord.stuck(AT_ONCE)).map(({ orderId }) => orderId);
  await expect.poll(stuckIds).toEqual(expect.arrayContaining(['deaf', 'hears']));
  breakCall('signalWorkflowExecution', 'order/deaf', failing);
  const reported: Skipped[] = [];
  const told = await tellStuckOrders(concord.client, AT_ONCE, (skipped) => reported.push(skipped));
  expect(told).toContain('hears');
  expect(reported).toEqual([{ orderId: 'deaf', problem: expect.stringContaining('shard status unknown') }]);
});

describe('a list has all orders, and says of a damaged one what is wrong:', () => {
  // What is still being placed would come back to a list that was emptied.
  beforeAll(() =>
    vi.waitUntil(async () => (await platform.orders.countDocuments({ status: 'pending' })) === 0, {
      timeout: 90_000,
      interval: 500,
    }),
  );

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['lines', { lines: null }, /lines/],
    ['lines', { lines: [null] }, /lines\[0\]/],
    ['lines', { lines: [{ sku: 5, quantity: 'x' }] }, /lines/],
    ['customerId', { customerId: { $gt: '' } }, /customerId/],
    ['status', { status: 'sold' }, /status/],
    ['strategy', { strategy: 'hope' }, /strategy/],
    ['createdAt', { createdAt: 'yesterday' }, /createdAt/],
    ['createdAt', { createdAt: null }, /createdAt/],
    ['reason', { reason: 'none' }, /reason/],
  ])('%s, %j', async (_, damage, problem) => {
    const { concord, orders, databases } = platform;
    await orders.deleteMany({});
    for (const orderId of ['before', 'damaged', 'after'])
      await createOrders(orders).prepare(requestByHand(orderId));
    await databases.orders
      .collection<{ _id: string; [field: string]: unknown }>('orders')
      .updateOne({ _id: 'damaged' }, { $set: damage });
    const listed = await concord.list();
    expect(listed.map(({ orderId }) => orderId).sort()).toEqual(['after', 'before', 'damaged']);
    for (const { orderId, reason } of listed) {
      const expected = { code: 'DamagedOrder', message: expect.stringMatching(problem) };
      if (orderId === 'damaged') expect(reason).toMatchObject(expected);
      else expect(reason).toBeUndefined();
    }
    const env = { TEMPORAL_ADDRESS: platform.address, TEMPORAL_NAMESPACE: platform.namespace };
    const { stdout, exitCode } = await runCli(['list'], { env });
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringContaining('the record of order damaged is damaged'),
    ]);
    await orders.deleteMany({});
  });
});

/** Lets the sweep publish what nobody has handed over. */
const sweep = () =>
  platform.concord.client.workflow.execute('watchOrders', {
    ...{ taskQueue: 'orders', workflowId: 'watch' },
    args: [{ failures: 1_000_000, longerThan: 3_600_000 }],
  });

/** An order whose event has been in its outbox for long. */
async function placeAndLeaveBehind(orderId: string): Promise<void> {
  await platform.concord.restock(orderId, 10);
  await prepareByHand(platform, orderId, { only: 'orders', strategy: 'event-driven' });
  const longAgo = new Date(Date.now() - 3_600_000).toISOString();
  await platform.orders.updateOne({ _id: orderId }, { $set: { 'outbox.0.time': longAgo } });
}

test('what is no order, and has an outbox, keeps the sweep from publishing no other', async () => {
  const { databases } = platform;
  const outbox = [{ id: 'x' }];
  const orders = databases.orders.collection<{ _id: number | ObjectId | Document; outbox: unknown }>(
    'orders',
  );
  const ids = [5, new ObjectId(), { nested: true }];
  for (const _id of ids) await orders.insertOne({ _id, outbox });
  await placeAndLeaveBehind('left-behind');
  await sweep();
  await expect.poll(() => recorded(platform, 'left-behind')).toMatchObject({ status: 'confirmed', sold: 2 });
  expect(await placeAnother(platform)).toMatchObject({ status: 'confirmed' });
  await orders.deleteMany({ outbox });
});

test.each<[string, unknown]>([
  ['no list', { '0': 'none' }],
  ['a list of nothing', [null]],
  ['a list of what is no announcement', [{ id: 'x', data: { strategy: 'event-driven' } }]],
])(
  'an outbox that is %s is left alone, and shows in `stuck`; the others are published',
  async (_, outbox) => {
    const { databases, concord } = platform;
    const orders = databases.orders.collection<{ _id: string; outbox: unknown }>('orders');
    await orders.insertOne({ _id: 'outbox', outbox });
    const orderId = `beside-${JSON.stringify(outbox).length}`;
    await placeAndLeaveBehind(orderId);
    await sweep();
    await expect.poll(() => recorded(platform, orderId)).toMatchObject({ status: 'confirmed', sold: 2 });
    const step = 'orders.publishLeftBehind';
    await expect
      .poll(() => concord.stuck(AT_ONCE))
      .toContainEqual(expect.objectContaining({ orderId: 'outbox', problem: 'skipped', step }));
    await orders.deleteOne({ _id: 'outbox' });
  },
);
