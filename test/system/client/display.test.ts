import { readFile } from 'node:fs/promises';
import { Connection, type WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { Concord, type StuckOptions } from '../../../client/concord.ts';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { searchAttributeNames } from '../../../domain/search-attributes.ts';
import { strategies } from '../../../domain/strategies.ts';
import { registerSearchAttributes } from '../../../platform/display/register-search-attributes.ts';
import type { watchOrders } from '../../../workflows/orders.ts';
import { createWorkers, type Platform, startPlatform } from '../../support/platform.ts';
import { runCliAsJson } from '../../support/run-cli.ts';
import { hostileValues } from '../attack/hostile.ts';
import { orderOf, placeAndWait } from '../operations/support.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

// Some tests break a service; none may depend on whether another has repaired it.
beforeEach(() => {
  platform.repair('inventory');
  platform.repair('orders');
});

const handleOf = (workflowId: string) => platform.concord.client.workflow.getHandle(workflowId);

/** The values of the search attributes of an order, by name. */
async function attributesOf(orderId: string): Promise<Record<string, unknown>> {
  const { typedSearchAttributes } = await handleOf(`order/${orderId}`).describe();
  const own = typedSearchAttributes.getAll().filter(({ key }) => key.name.startsWith('Order'));
  return Object.fromEntries(own.map(({ key, value }) => [key.name, value]));
}

async function eventsOf(workflowId: string) {
  return (await handleOf(workflowId).fetchHistory()).events ?? [];
}

async function upserts(orderId: string): Promise<number> {
  const events = await eventsOf(`order/${orderId}`);
  return events.filter((event) => event.upsertWorkflowSearchAttributesEventAttributes).length;
}

/** What the Web UI asks for. */
async function currentDetailsOf(handle: Pick<WorkflowHandle, 'query'>): Promise<string> {
  const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  return currentDetails;
}

/** Every activity and timer of a history, with its summary. */
async function summariesOf(workflowId: string): Promise<(readonly [string, unknown])[]> {
  return (await eventsOf(workflowId)).flatMap((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (!scheduled && !event.timerStartedEventAttributes) return [];
    const summary = event.userMetadata?.summary;
    const text = summary ? defaultPayloadConverter.fromPayload(summary) : undefined;
    return [[scheduled?.activityType?.name ?? 'timer', text] as const];
  });
}

async function listed(query: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { workflowId } of platform.concord.client.workflow.list({ query })) found.push(workflowId);
  return found.sort();
}

/** Returns the orders that were told. */
async function watch(limits: StuckOptions): Promise<readonly string[]> {
  const { orderIds } = await platform.concord.client.workflow.execute<typeof watchOrders>('watchOrders', {
    taskQueue: 'orders',
    workflowId: 'watch',
    args: [limits],
  });
  return orderIds;
}

const EAGER = { failures: 0, longerThan: 0 };

describe.each(strategies)('%s', (strategy) => {
  test('an order shows what it is, and how it ended, for one history event', async () => {
    const { concord } = platform;
    const orderId = `shown-${strategy}`;
    await concord.restock(orderId, 10);
    await concord.place({ ...orderOf(orderId, 2), customerId: `alice-${strategy}` }, { strategy });
    expect(await attributesOf(orderId)).toEqual({
      ...{ OrderStatus: 'confirmed', OrderCustomer: `alice-${strategy}`, OrderSkus: [orderId] },
      ...{ OrderStrategy: strategy, OrderNeedsAttention: false },
    });
    expect(await upserts(orderId)).toBe(1);
    // With its end, so that what lists are read from is written for both at once.
    const [shown, ended] = (await eventsOf(`order/${orderId}`)).slice(-2);
    expect(shown).toHaveProperty('upsertWorkflowSearchAttributesEventAttributes');
    expect(ended).toHaveProperty('workflowExecutionCompletedEventAttributes');
    const query = `OrderStatus = 'confirmed' AND OrderSkus = '${orderId}' AND OrderStrategy = '${strategy}'`;
    await expect.poll(() => listed(query)).toEqual([`order/${orderId}`]);
    const description = await handleOf(`order/${orderId}`).describe();
    expect(description.memo).toEqual({ customer: `alice-${strategy}`, lines: `2 × ${orderId}` });
    expect(await description.staticSummary()).toBe(`2 × \`${orderId}\` for \`alice-${strategy}\``);
    expect(await description.staticDetails()).toContain(`by strategy \`${strategy}\``);
    expect(await currentDetailsOf(handleOf(`order/${orderId}`))).toMatch(
      /^\*\*Final[\s\S]*confirmed[\s\S]*inventory: voted \*\*yes/,
    );
    const summaries = await summariesOf(`order/${orderId}`);
    expect(summaries.length).toBeGreaterThan(1);
    for (const [step, summary] of summaries) expect(summary, step).toMatch(/^[A-Z].{10,}/);
  });

  test('an order that does not get on says so once it is told, and no longer when it gets on', async () => {
    const { concord } = platform;
    const orderId = `troubled-${strategy}`;
    await concord.restock(orderId, 10);
    platform.breakDown('inventory');
    await placeAndWait(platform, orderId, { orders: 'prepared' }, { strategy });
    const query = `OrderNeedsAttention = true AND OrderStrategy = '${strategy}'`;
    await expect.poll(async () => (await concord.status(orderId)).retrying).not.toEqual([]);
    expect(await listed(query)).toEqual([]);
    await expect.poll(() => watch(EAGER)).toEqual([orderId]);
    await expect.poll(() => listed(query)).toEqual([`order/${orderId}`]);
    const order = handleOf(`order/${orderId}`);
    expect(await currentDetailsOf(order)).toMatch(/Needs attention[\s\S]*the database is down/);
    expect(await watch({ ...EAGER, longerThan: 3_600_000 }), 'none is old enough').toEqual([]);
    expect(await watch(EAGER), 'it knows already').toEqual([]);

    platform.repair('inventory');
    await concord.retry(orderId).catch(() => {}); // it may just have been tried
    expect(await order.result()).toMatchObject({ status: 'confirmed' });
    expect(await attributesOf(orderId)).toMatchObject({
      OrderStatus: 'confirmed',
      OrderNeedsAttention: false,
    });
    expect(await currentDetailsOf(order)).not.toContain('attention');
  });
});

test('an order that is decided and not done shows in lists how, once it needs attention', async () => {
  const { concord } = platform;
  await concord.restock('undone', 10);
  platform.breakDown('orders');
  await placeAndWait(platform, 'undone', { orders: 'preparing', inventory: 'prepared' });
  platform.breakDown('inventory');
  platform.repair('orders');
  await expect
    .poll(async () => (await concord.status('undone')).participants)
    .toEqual({ orders: 'committed', inventory: 'committing' });
  expect(await attributesOf('undone')).toMatchObject({ OrderStatus: 'pending' });
  await expect.poll(() => watch(EAGER)).toContain('undone');
  const shown = { OrderStatus: 'confirmed', OrderNeedsAttention: true };
  await expect.poll(() => attributesOf('undone')).toMatchObject(shown);
  platform.repair('inventory');
  await concord.retry('undone').catch(() => {}); // it may just have been tried
  await handleOf('order/undone').result();
  expect(await attributesOf('undone')).toMatchObject({ ...shown, OrderNeedsAttention: false });
});

test('an order that has stopped on an error needs attention for good', async () => {
  const { concord, orders } = platform;
  await concord.restock('failed', 10);
  platform.breakDown('inventory');
  await placeAndWait(platform, 'failed', { orders: 'prepared' });
  const order = handleOf('order/failed');
  await orders.updateOne({ _id: 'failed' }, { $set: { coordinatorId: 'another coordinator' } });
  platform.repair('inventory');
  await expect(order.result()).rejects.toThrow();
  expect(await attributesOf('failed')).toMatchObject({ OrderNeedsAttention: true });
  expect(await currentDetailsOf(order)).toMatch(/^\*\*Stopped on an error[\s\S]*concord resolve/);
});

test('a mailbox shows what waits in it and why', async () => {
  const { concord, databases } = platform;
  await concord.restock('damaged', 10);
  const stock = databases.inventory.collection<{ _id: string; holds: unknown }>('stock');
  await stock.updateOne({ _id: 'damaged' }, { $set: { holds: 'none' } });
  await concord.place(orderOf('damaged'), { strategy: 'message-queue', wait: 'accepted' });
  const mailbox = handleOf(mailboxIdOf(orderOf('damaged')));
  await expect
    .poll(() => currentDetailsOf(mailbox).catch(() => ''))
    .toMatch(/Tried again: 1\.[\s\S]*ReserveStock of damaged to inventory/);
  expect(await (await mailbox.describe()).staticSummary()).toMatch(/until every receiver has handled it/);
  await stock.updateOne({ _id: 'damaged' }, { $set: { holds: [] } });
  await concord.retry('damaged');
  await handleOf('order/damaged').result();
  await expect.poll(() => summariesOf(mailbox.workflowId)).toContainEqual(['timer', expect.any(String)]);
});

test('the largest order that is allowed can be placed and found', async () => {
  const id = (index: number) => `${index}`.padStart(100, 'x');
  const lines = Array.from({ length: 100 }, (_, index) => ({ sku: id(index), quantity: 2 ** 53 - 1 }));
  const order = { orderId: id(0), customerId: id(1), lines };
  expect(await platform.concord.place(order)).toMatchObject({ status: 'rejected' });
  const query = `OrderCustomer = '${id(1)}' AND OrderSkus = '${id(18)}' AND OrderStatus = 'rejected'`;
  await expect.poll(() => listed(query)).toEqual([`order/${id(0)}`]);
});

test('an order that was started without search attributes gets none', async () => {
  const { concord } = platform;
  await concord.restock('bare', 10);
  const start = { taskQueue: 'orders', workflowId: 'order/bare', args: [{ order: orderOf('bare') }] };
  expect(await concord.client.workflow.execute('placeOrder', start)).toMatchObject({ status: 'confirmed' });
  expect(await upserts('bare')).toBe(0);
});

test('where an order waits in the code can be read, though its bundle has no source text', async () => {
  platform.breakDown('inventory');
  await placeAndWait(platform, 'waiting', { orders: 'prepared' });
  const stack = await handleOf('order/waiting').query<string>('__stack_trace');
  expect(stack).toMatch(/workflows\/two-phase\.ts:\d+:\d+/);
  const bundle = await readFile(inject('workflowBundles').orders, 'utf8');
  const [, map = ''] =
    /sourceMappingURL=data:application\/json;charset=utf-8;base64,(\S+)/.exec(bundle) ?? [];
  expect(JSON.parse(Buffer.from(map, 'base64').toString())).not.toHaveProperty('sourcesContent');
});

test('what anyone says to be wrong with an order changes nothing but what is shown', async () => {
  const { concord } = platform;
  await concord.restock('slandered', 10);
  platform.breakDown('inventory');
  await placeAndWait(platform, 'slandered', { orders: 'prepared' });
  const order = handleOf('order/slandered');
  for (const value of hostileValues) await order.signal('stuckSteps', value);
  const since = new Date().toISOString();
  const hostile = { step: '**x**', attempts: 1, lastError: '`\n# <b>', since };
  expect(await attributesOf('slandered')).toMatchObject({ OrderNeedsAttention: false });
  await order.signal('stuckSteps', [hostile]);
  expect(await currentDetailsOf(order)).toContain('- `**x**` has failed 1 time');
  expect(await currentDetailsOf(order)).toContain("`' # <b>`");
  platform.repair('inventory');
  await concord.retry('slandered').catch(() => {});
  expect(await order.result()).toMatchObject({ status: 'confirmed' });
});

/** A namespace without search attributes. */
async function openNamespace(namespace: string): Promise<Connection> {
  const connection = await Connection.connect({ address: platform.address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 } as never,
  });
  return connection;
}

/** What doctor says of a namespace's search attributes. */
async function doctorOf(namespace: string, ...options: string[]) {
  const { document } = await runCliAsJson(['doctor', ...options], {
    env: { TEMPORAL_ADDRESS: platform.address, TEMPORAL_NAMESPACE: namespace },
  });
  const { checks } = document as { checks: { name: string }[] };
  return checks.find(({ name }) => name === 'search attributes');
}

test('a namespace without the search attributes takes orders; doctor says what is missing, and registers it', async () => {
  const namespace = 'bare';
  const connection = await openNamespace(namespace);
  const place = async (orderId: string) => {
    const concord = await Concord.connect({ connection: { address: platform.address }, namespace });
    const placed = await Promise.all([
      concord.place(orderOf(orderId), { wait: 'accepted' }),
      concord.place(orderOf(`${orderId}-again`), { wait: 'accepted' }),
    ]);
    expect(placed).toMatchObject([{ status: 'pending' }, { status: 'pending' }]);
    const { typedSearchAttributes } = await concord.client.workflow.getHandle(`order/${orderId}`).describe();
    await concord.close();
    return typedSearchAttributes.getAll().length;
  };
  const doctor = (...options: string[]) => doctorOf(namespace, ...options);
  await expect.poll(() => place('before').catch(() => undefined)).toBe(0);
  expect(await doctor()).toMatchObject({
    status: 'failed',
    found: `missing: ${searchAttributeNames.join(', ')}`,
    fix: expect.stringContaining('concord doctor --fix'),
  });
  expect(await doctor('--fix')).toMatchObject({ status: 'ok' });
  expect(await place('after')).toBe(searchAttributeNames.length);
  expect(await registerSearchAttributes(connection, namespace), 'nothing is left to do').toEqual({
    registered: [],
    refused: [],
  });
  expect(await doctor()).toMatchObject({ status: 'ok', found: 'all there' });
  await connection.close();
});

test('where an attribute has another type and another finds no room, orders carry the rest, and both are named', async () => {
  const namespace = 'crowded';
  const { INDEXED_VALUE_TYPE_INT, INDEXED_VALUE_TYPE_KEYWORD_LIST: LIST } =
    proto.temporal.api.enums.v1.IndexedValueType;
  await using connection = disposable(await openNamespace(namespace));
  const taken = { OrderStatus: INDEXED_VALUE_TYPE_INT, First: LIST, Second: LIST, Third: LIST };
  const take = () => connection.operatorService.addSearchAttributes({ namespace, searchAttributes: taken });
  await expect.poll(() => take().catch(() => undefined)).toBeDefined();
  const options = { connection: { address: platform.address }, namespace };
  await using concord = disposable(await Concord.connect(options));
  const noRoom = expect.stringMatching(/more than 3 search attribute of type KeywordList/);
  expect(await concord.register()).toEqual({
    registered: ['OrderCustomer', 'OrderStrategy', 'OrderNeedsAttention'],
    refused: [{ name: 'OrderSkus', reason: noRoom }],
  });
  await using native = disposable(await NativeConnection.connect({ address: platform.address }));
  await using workers = await createWorkers(native, namespace);
  await workers.start('orders');
  await workers.start('inventory');
  await expect.poll(() => concord.restock('crowded', 10).catch(() => undefined)).toBeDefined();

  for (const wait of ['accepted', 'decided', 'final'] as const) {
    const orderId = `crowded-${wait}`;
    const order = { orderId, customerId: orderId, lines: [{ sku: 'crowded', quantity: 1 }] };
    await using client = disposable(await Concord.connect(options)); // one that hasn't learnt yet what is refused
    expect(await client.place(order, { wait })).toMatchObject({ orderId, joined: false });
    expect(await client.place({ ...order, orderId: `${orderId}-again` }, { wait: 'final' })).toMatchObject({
      status: 'confirmed',
    });
    const handle = concord.client.workflow.getHandle(`order/${orderId}`);
    expect(await handle.result()).toMatchObject({ status: 'confirmed' });
    const { typedSearchAttributes } = await handle.describe();
    const own = typedSearchAttributes.getAll().filter(({ key }) => key.name.startsWith('Order'));
    expect(Object.fromEntries(own.map(({ key, value }) => [key.name, value]))).toEqual({
      ...{ OrderCustomer: orderId, OrderStrategy: 'two-phase', OrderNeedsAttention: false },
    });
  }
  const query = `OrderCustomer = 'crowded-final' AND OrderStrategy = 'two-phase' AND OrderNeedsAttention = false`;
  await expect
    .poll(async () => (await concord.client.workflow.count(query)).count, { timeout: 30_000 })
    .toBe(2);
  expect(await concord.stuck({ failures: 0, longerThan: 0 })).toEqual([]);

  const lack = expect.stringMatching(
    /^of another type: OrderStatus \(Int, not Keyword\); missing: OrderSkus$/,
  );
  expect(await doctorOf(namespace)).toMatchObject({ status: 'failed', found: lack });
  expect(await doctorOf(namespace, '--fix')).toMatchObject({
    status: 'failed',
    found: expect.stringMatching(/OrderStatus \(Int, not Keyword\); refused: OrderSkus \(.+KeywordList/),
    fix: expect.stringMatching(/search-attribute remove.+make room/),
  });
});

function disposable<Closed extends { close(): Promise<void> }>(opened: Closed): Closed & AsyncDisposable {
  return Object.assign(opened, { [Symbol.asyncDispose]: () => opened.close() });
}
