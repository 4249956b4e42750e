import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ServiceName } from '../../../workers/services.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import {
  damaged,
  everything,
  expectAlive,
  expectPresentable,
  fieldsOfOrder,
  fits,
  hostileJson,
  hostileTexts,
  hostileValues,
  isIdentifier,
  nested,
  SEED,
  sample,
} from '../../system/attack/hostile.ts';

// Whoever reaches Temporal can start workflows and send messages around our client.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.concord.restock('HEALTHY', 1_000);
  await platform.concord.place({
    orderId: 'old',
    customerId: 'honest',
    lines: [{ sku: 'HEALTHY', quantity: 1 }],
  });
});

afterAll(() => platform[Symbol.asyncDispose]());

afterEach(() => expectAlive(platform));

type Payload = ReturnType<typeof jsonOf>;

/** A payload of any text that says of itself that it is JSON. */
function jsonOf(text: string, encoding = 'json/plain') {
  return { metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(text) };
}

/** Starts a workflow with the bare API, and returns the failure that it ends with, or undefined. */
async function endingOf(
  type: string,
  taskQueue: ServiceName,
  payloads: readonly Payload[],
  workflowId = `attack/${randomUUID()}`,
) {
  const { client } = platform.concord;
  await client.workflowService.startWorkflowExecution({
    namespace: platform.namespace,
    requestId: randomUUID(),
    workflowId,
    workflowType: { name: type },
    taskQueue: { name: taskQueue },
    input: { payloads: [...payloads] },
    // One that never ends by itself ends with another failure than a refusal.
    workflowExecutionTimeout: msToTs(LIMIT),
  });
  return client.workflow
    .getHandle(workflowId)
    .result()
    .then(() => undefined, refusalIn);
}

const LIMIT = '1 minute';

function refusalIn(error: unknown): string {
  if (!(error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError)) throw error;
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  expectPresentable(String(cause?.message));
  expect(JSON.stringify(cause instanceof ApplicationFailure ? cause.details : []).length).toBeLessThan(
    10_000,
  );
  return cause instanceof ApplicationFailure ? `${cause.type}` : `${cause?.name}`;
}

/** Runs them all at once; each must be refused as bad input, and none may write. */
function expectRefused(type: string, taskQueue: ServiceName, inputs: readonly unknown[]): Promise<void> {
  return expectCallsRefused(
    type,
    taskQueue,
    inputs.map((input) => ({ args: [input] })),
  );
}

interface Call {
  readonly args: readonly unknown[];
  readonly workflowId?: string;
}

async function expectCallsRefused(
  type: string,
  taskQueue: ServiceName,
  calls: readonly Call[],
): Promise<void> {
  const before = await everything(platform);
  const endings = await Promise.all(
    calls.map(({ args, workflowId }) => {
      const payloads = args.map((value) => defaultPayloadConverter.toPayload(value) as Payload);
      return endingOf(type, taskQueue, payloads, workflowId);
    }),
  );
  for (const [index, ending] of endings.entries()) {
    expect(ending, `seed ${SEED}: ${shown(calls[index])}`).toBe('InvalidInput');
  }
  expect(await everything(platform)).toEqual(before);
}

function shown(value: unknown): string {
  return inspect(value, { depth: 5, maxStringLength: 100, maxArrayLength: 5 }).slice(0, 500);
}

describe('a workflow that is started with the bare API', () => {
  test('placeOrder: a hostile value in every field', async () => {
    const inputs = fieldsOfOrder.flatMap((field) =>
      hostileValues.filter((value) => !fits(field, value)).map((value) => ({ order: damaged(field, value) })),
    );
    await expectRefused('placeOrder', 'orders', sample(fc.constantFrom(...inputs), 120));
  });

  test('placeOrder: any JSON, as input, as order, as budget', async () => {
    const none = () => false;
    const order = damaged('customerId', 'customer');
    const isBudget = (value: unknown) =>
      Number.isInteger(value) && Number(value) >= 1_000 && Number(value) <= 30 * 24 * 3_600_000;
    await expectRefused('placeOrder', 'orders', [
      ...sample(hostileJson(none), 30),
      ...sample(hostileJson(none), 30).map((value) => ({ order: value })),
      ...sample(hostileJson(isBudget), 30).map((prepareBudget) => ({ order, prepareBudget })),
      { order, __proto: 1 },
      JSON.parse(
        '{"order":{"orderId":"x","customerId":"c","lines":[{"sku":"HEALTHY","quantity":1}],"__proto__":{}}}',
      ),
    ]);
  });

  test('placeOrder: a valid order under another workflow id than its own', async () => {
    await expectRefused('placeOrder', 'orders', [{ order: damaged('customerId', 'customer') }]);
  });

  test('resolveOrder: a hostile value in every field of the order, under the id that it would have', async () => {
    const orders = fieldsOfOrder.flatMap((field) =>
      hostileValues.filter((value) => !fits(field, value)).map((value) => damaged(field, value)),
    );
    await expectCallsRefused(
      'resolveOrder',
      'orders',
      sample(fc.constantFrom(...orders), 100).map((order, index) => {
        const orderId = `resolved-${index}`;
        return { args: [{ order: withOrderId(order, orderId) }], workflowId: `resolve/${orderId}` };
      }),
    );
  });

  test('resolveOrder: any JSON, as input, as request, as outcome, as reason', async () => {
    const none = () => false;
    const isStatus = (value: unknown) => ['confirmed', 'rejected', 'cancelled'].includes(String(value));
    const isReason = (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= 200;
    const isRequest = (value: unknown) =>
      value === undefined || (isPlainObject(value) && Object.keys(value).length === 0);
    const requests = [
      ...sample(hostileJson(isRequest), 25),
      ...sample(hostileJson(isStatus), 25).map((as) => ({ as })),
      ...sample(hostileJson(isReason), 25).map((reason) => ({ as: 'rejected', reason })),
      { as: 'rejected', surplus: 1 },
      JSON.parse('{"as":"rejected","__proto__":{"polluted":true}}'),
    ];
    await expectRefused('resolveOrder', 'orders', sample(hostileJson(none), 25));
    await expectCallsRefused(
      'resolveOrder',
      'orders',
      requests.map((request, index) => {
        const orderId = `requested-${index}`;
        const order = withOrderId(damaged('customerId', 'customer'), orderId);
        return { args: [{ order }, request], workflowId: `resolve/${orderId}` };
      }),
    );
  });

  test('reapHolds: a hold limit that is no time, or longer than any', async () => {
    const isHoldLimit = (value: unknown) =>
      Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 365 * 86_400_000;
    await expectRefused('reapHolds', 'inventory', [
      ...[-1, -1e300, Number.NaN, Number.POSITIVE_INFINITY, 0.5, 1e300, 2 ** 53, 365 * 86_400_000 + 1],
      ...['0', '60000', '', 'now', null, true, [], [0], {}, { $gt: '' }, { $numberLong: '0' }],
      ...sample(hostileJson(isHoldLimit), 40),
    ]);
  });

  test.each([
    ['restock', 'inventory', (value: unknown) => ({ receiptId: 'r', sku: value, quantity: 1 }), isIdentifier],
    [
      'restock',
      'inventory',
      (value: unknown) => ({ receiptId: value, sku: 'HEALTHY', quantity: 1 }),
      isIdentifier,
    ],
    [
      'restock',
      'inventory',
      (value: unknown) => ({ receiptId: 'r', sku: 'HEALTHY', quantity: value }),
      isCount,
    ],
    ['restock', 'inventory', (value: unknown) => value, () => false],
    ['readStock', 'inventory', (value: unknown) => [value], isIdentifier],
    ['readStock', 'inventory', (value: unknown) => value, isList],
    ['findOrder', 'orders', (value: unknown) => value, isIdentifier],
    ['listOrders', 'orders', (value: unknown) => ({ customerId: value }), isIdentifier],
    ['listOrders', 'orders', (value: unknown) => ({ status: value }), () => false],
    ['listOrders', 'orders', (value: unknown) => ({ limit: value }), isLimit],
    ['listOrders', 'orders', (value: unknown) => ({ status: 'pending', surplus: value }), () => false],
  ] as const)('%s at %s: %s', async (type, taskQueue, inputOf, isExpected) => {
    await expectRefused(type, taskQueue, sample(hostileJson(isExpected), 25).map(inputOf));
  });

  test('a type that does not exist, or that every object inherits, hurts nobody', async () => {
    const before = await everything(platform);
    const { client } = platform.concord;
    const handles = await Promise.all(
      ['nothing', 'constructor', 'toString'].map((type) =>
        client.workflow.start(type, {
          taskQueue: 'orders',
          workflowId: `attack/${randomUUID()}`,
          args: [{}],
        }),
      ),
    );
    await expectAlive(platform);
    await Promise.allSettled(handles.map((handle) => handle.terminate()));
    expect(await everything(platform)).toEqual(before);
  });

  test('more than Temporal takes never gets as far as a worker', async () => {
    const before = await everything(platform);
    const { client } = platform.concord;
    const tooMuch = { order: damaged('customerId', 'a'.repeat(10_000_000)) };
    const start = () =>
      client.workflow.start('placeOrder', {
        taskQueue: 'orders',
        workflowId: 'order/damaged',
        args: [tooMuch],
      });
    // The SDK's client would try for minutes.
    await expect(client.withDeadline(Date.now() + 5_000, start)).rejects.toThrow();
    await expect(client.workflow.getHandle('order/damaged').describe()).rejects.toThrow('not found');
    expect(await everything(platform)).toEqual(before);
  });
});

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same order under another id, where it has one that is right. */
function withOrderId(order: unknown, orderId: string): unknown {
  if (!isPlainObject(order) || !('orderId' in order) || !isIdentifier(order.orderId)) return order;
  return { ...order, orderId };
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function isLimit(value: unknown): boolean {
  return isCount(value) && Number(value) <= 1_000;
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isIdentifier);
}

describe('input that makes a first task throw something else than a refusal', () => {
  const deep = jsonOf(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
  // Two megabytes that are five when they are passed on.
  const growing = jsonOf(`[${Array.from({ length: 450_000 }, () => '1e9').join(',')}]`);
  const all = (payloads: readonly Payload[]) =>
    Promise.all(
      (
        [
          ['placeOrder', 'orders'],
          ['findOrder', 'orders'],
          ['listOrders', 'orders'],
          ['resolveOrder', 'orders'],
          ['restock', 'inventory'],
          ['readStock', 'inventory'],
          ['reapHolds', 'inventory'],
        ] as const
      ).map(async ([type, queue]) => `${type}: ${await endingOf(type, queue, payloads)}`),
    );
  const refused = [
    ...['placeOrder', 'findOrder', 'listOrders', 'resolveOrder'],
    ...['restock', 'readStock', 'reapHolds'],
  ].map((type) => `${type}: InvalidInput`);

  test('too deep to be passed on: every workflow ends', async () => {
    expect(await all([deep])).toEqual(refused);
  });

  test('too large once it is passed on: every workflow ends', async () => {
    expect(await all([growing])).toEqual(refused);
  });

  test('missing: every workflow ends', async () => {
    expect(await all([])).toEqual(refused);
  });

  test('unreadable: nothing is written, others are served, and it can be terminated', async () => {
    const before = await everything(platform);
    const unreadable = [
      jsonOf('{"order":'),
      { ...jsonOf(''), data: Buffer.from([0xff, 0xfe, 0x00]) },
      jsonOf('{}', 'binary/unheard-of'),
      { ...jsonOf('{}'), metadata: {} as Payload['metadata'] },
    ];
    const workflowIds = unreadable.map((_, index) => `order/unreadable-${index}`);
    const endings = unreadable.map((payload, index) =>
      endingOf('placeOrder', 'orders', [payload], workflowIds[index]),
    );
    await expectAlive(platform);
    for (const workflowId of workflowIds) {
      await platform.concord.client.workflow.getHandle(workflowId).terminate();
    }
    expect(await Promise.all(endings)).toEqual(unreadable.map(() => 'TerminatedFailure'));
    expect(await everything(platform)).toEqual(before);
  });
});

describe('messages to an order in flight', () => {
  test('hostile cancels, decisions, queries and signals change nothing, and it is confirmed in the end', async () => {
    const { concord } = platform;
    await platform.stop('inventory');
    const order = { orderId: 'in-flight', customerId: 'honest', lines: [{ sku: 'HEALTHY', quantity: 1 }] };
    await concord.place(order, { wait: 'accepted' });
    const handle = concord.client.workflow.getHandle('order/in-flight');
    const update = (name: string, argument: unknown) =>
      handle.executeUpdate(name, { args: [argument] }).then(() => 'accepted', refusalIn);

    const isReason = (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= 200;
    const cancels = [
      ...sample(
        hostileJson(() => false),
        15,
      ),
      ...sample(hostileJson(isReason), 15).map((reason) => ({ reason })),
      { reason: 'fine', surplus: 1 },
      JSON.parse('{"reason":"fine","__proto__":{"polluted":true}}'),
      nested(2_000),
    ];
    for (const cancel of cancels) expect(await update('cancel', cancel), shown(cancel)).toBe('InvalidInput');

    const decisions = fieldsOfOrder.flatMap((field) =>
      sample(
        hostileJson((value) => fits(field, value)),
        4,
      ).map((value) => damaged(field, value)),
    );
    for (const asked of decisions) expect(await update('decision', asked), shown(asked)).toBe('InvalidInput');
    expect(await update('decision', damaged('customerId', 'customer'))).toBe('OrderIdTaken');

    for (const name of ['no-such-update', '__proto__', 'constructor', '\u001b[31m']) {
      const refusal = await handle.executeUpdate(name, { args: [{}] }).then(() => 'accepted', String);
      expect(refusal, name).not.toBe('accepted');
    }
    for (const name of ['no-such-query', '__proto__', 'constructor']) {
      await expect(handle.query(name, ...hostileTexts), name).rejects.toThrow();
    }
    for (const name of [
      'no-such-signal',
      '__proto__',
      'constructor',
      'cancel',
      'decision',
      'status',
      '\u001b[31m',
    ]) {
      for (const value of sample(
        hostileJson(() => false),
        5,
      ))
        await handle.signal(name, value);
    }
    expect(await handle.query('status', ...hostileValues.slice(0, 10))).toMatchObject({ phase: 'preparing' });

    await platform.start('inventory');
    expect(await handle.result()).toMatchObject({ status: 'confirmed' });
  });

  test('a reason that no terminal should see is kept, and the order is cancelled', async () => {
    const { concord } = platform;
    const reasons = hostileTexts.filter((text) => text.length > 0 && text.length <= 200);
    await platform.stop('inventory');
    const handles = await Promise.all(
      reasons.map(async (reason, index) => {
        const orderId = `reason-${index}`;
        const lines = [{ sku: 'HEALTHY', quantity: 1 }];
        await concord.place({ orderId, customerId: 'honest', lines }, { wait: 'accepted' });
        await concord.client.workflow
          .getHandle(`order/${orderId}`)
          .executeUpdate('cancel', { args: [{ reason }] });
        return concord.client.workflow.getHandle(`order/${orderId}`);
      }),
    );
    await platform.start('inventory');
    const endings = await Promise.all(handles.map((handle) => handle.result()));
    expect(endings).toMatchObject(reasons.map((message) => ({ status: 'cancelled', reason: { message } })));
    const recorded = await platform.orders.find({ _id: /^reason-/ }).toArray();
    expect(recorded.filter(({ status }) => status === 'cancelled')).toHaveLength(reasons.length);
  });
});
