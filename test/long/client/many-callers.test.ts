import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Concord, type NewOrder } from '../../../client/concord.ts';
import { strategies } from '../../../domain/strategies.ts';
import { decisionUpdate } from '../../../workflows/order/messages.ts';
import type { placeOrder } from '../../../workflows/orders.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { orderOf, placeAndWait, prepareByHand } from '../../system/operations/support.ts';

// A workflow takes ten updates at once and 2,000 in all: Temporal's defaults. Callers are not to be counted so.

const REASON = 'changed my mind';
const CANCELLED = { status: 'cancelled', reason: { code: 'Cancelled', message: REASON } };

describe.each(strategies)('%s', (strategy) => {
  let platform: Platform;

  beforeAll(async () => {
    platform = await startPlatform();
  });

  afterAll(() => platform[Symbol.asyncDispose]());

  // The inventory is down, so that nothing is decided; what a test starts or stops besides, none depends on.
  beforeEach(async () => {
    await platform.stop('orders', 'workflows');
    await platform.start('orders');
    await platform.stop('inventory');
  });

  test('200 callers wait for the decision; a cancel is heard within a second, and all are told its reason', async () => {
    const { concord } = platform;
    const order = newOrder();
    const joined = countJoins(concord);
    const told = Array.from({ length: 200 }, () => concord.place(order, { strategy, wait: 'decided' }));
    await expect.poll(joined).toBe(199);
    await orderIs(order, { orders: 'prepared' });

    expect(await cancelTimed(concord, order)).toEqual({ status: 'cancelled', inTime: true });
    const answers = await Promise.all(told);
    for (const answer of answers) expect(answer).toMatchObject(CANCELLED);
    expect(answers.filter((answer) => !answer.joined)).toHaveLength(1);
    expect(await updatesOf(concord, order)).toBe(2);
    await expectRecorded(order);
  });

  test('callers who hold every update that the workflow takes keep no cancel from being heard', async () => {
    const { concord } = platform;
    const order = newOrder();
    await concord.place(order, { strategy, wait: 'accepted' });
    await orderIs(order, { orders: 'prepared' });
    const held = await holdUpdates(handleOf(concord, order), order);

    expect(await cancelTimed(concord, order)).toEqual({ status: 'cancelled', inTime: true });
    for (const outcome of await held.outcomes) expect(outcome).toMatchObject(CANCELLED);
    await expectRecorded(order);
  });

  test('a cancel is heard within a second while the order service can write nothing', async () => {
    const { concord } = platform;
    await platform.stop('orders');
    await platform.start('orders', 'workflows');
    const order = newOrder();
    await concord.place(order, { strategy, wait: 'accepted' });
    await orderIs(order, { orders: 'preparing' });
    await holdUpdates(handleOf(concord, order), order);

    // The decision and its record are one, so that the cancel is heard and durable at once, and decided later.
    const cancelled = cancelTimed(concord, order);
    await expect.poll(() => signalsOf(concord, order), { timeout: IN_TIME }).toBe(1);
    expect(await cancelled).toEqual({ status: 'requested', inTime: false });
    await platform.stop('orders', 'workflows');
    await platform.start('orders');
    await expectRecorded(order);
  });

  test('a cancel that comes while the order service is down keeps its reason', async () => {
    const { concord } = platform;
    await platform.stop('orders');
    const order = newOrder();
    await concord.place(order, { strategy, wait: 'accepted' });
    // Who has cancelled is gone by the time that anybody can hear it.
    const vanishing = await Concord.connect({ connection: { address: platform.address } });
    expect(await vanishing.cancel(order.orderId, { reason: REASON })).toMatchObject({ status: 'requested' });
    await vanishing.close();
    await platform.start('orders');
    await expectRecorded(order);
  });

  test('a cancel that comes after the decision is too late, or answers the same, and leaves no more behind', async () => {
    const { concord } = platform;
    const order = newOrder();
    await concord.place(order, { strategy, wait: 'accepted' });
    await orderIs(order, { orders: 'prepared' });
    const reasons = [REASON, ...Array.from({ length: 20 }, (_, index) => `again ${index}`)];
    for (const reason of reasons) {
      expect(await concord.cancel(order.orderId, { reason })).toMatchObject({ status: 'cancelled' });
    }
    expect(await signalsOf(concord, order)).toBe(1);
    await expectRecorded(order);
    expect(await concord.cancel(order.orderId)).toMatchObject({ status: 'cancelled' });
  });

  test('a signal that is no cancel request cancels nothing', async () => {
    const { concord } = platform;
    const order = newOrder();
    await concord.place(order, { strategy, wait: 'accepted' });
    const handle = handleOf(concord, order);
    for (const request of [undefined, {}, { reason: '' }, { reason: 'r', surplus: 1 }, { reason: 7 }]) {
      await handle.signal('cancel', request);
    }
    await platform.start('inventory');
    expect(await handle.result()).toMatchObject({ reason: { code: 'UnknownSku' } });
  });

  function newOrder(): NewOrder & { orderId: string } {
    return orderOf(`${strategy}-${randomUUID()}`);
  }

  function orderIs({ orderId }: { orderId: string }, participants: Record<string, string>): Promise<void> {
    return expect
      .poll(async () => (await platform.concord.status(orderId).catch(() => undefined))?.participants)
      .toMatchObject(participants);
  }

  /** Once the inventory is back, the order ends as it was decided. */
  async function expectRecorded(order: { orderId: string }): Promise<void> {
    await platform.start('inventory');
    expect(await handleOf(platform.concord, order).result()).toMatchObject(CANCELLED);
    expect(await platform.orders.findOne({ _id: order.orderId })).toMatchObject(CANCELLED);
  }
});

test('callers who come again and again, before and after the decision, use up nothing', async () => {
  await using platform = await startPlatform(undefined, undefined, {
    limits: { 'history.maxTotalUpdates': 4 },
  });
  const { concord } = platform;
  const order = orderOf('again');
  await platform.stop('inventory');
  const ask = () => concord.place(order, { wait: 'decided' });
  const first = ask();
  await expect.poll(async () => (await concord.status('again')).participants.orders).toBe('prepared');
  for (let times = 0; times < 20; times += 1) await askAndVanish(concord, ask);

  expect(await cancelTimed(concord, order)).toEqual({ status: 'cancelled', inTime: true });
  expect(await first).toMatchObject(CANCELLED);
  for (let times = 0; times < 20; times += 1) expect(await ask()).toMatchObject(CANCELLED);
  expect(await updatesOf(concord, order)).toBe(2);
  await platform.start('inventory');
  expect(await concord.place(order)).toMatchObject(CANCELLED);
});

test('a cancel of an order that is decided otherwise is too late, also while services are still told', async () => {
  await using platform = await startPlatform();
  const { concord } = platform;
  await concord.restock('decided', 10);
  await platform.stop('orders');
  await platform.start('orders', 'workflows');
  await placeAndWait(platform, 'decided', { inventory: 'prepared' });
  await platform.stop('inventory');
  await platform.start('orders', 'activities');
  await expect.poll(async () => (await concord.status('decided')).participants.orders).toBe('committed');
  const tooLate = { code: 'TooLate', details: { orderId: 'decided', status: 'confirmed' } };
  await expect(concord.cancel('decided')).rejects.toMatchObject(tooLate);
  await platform.start('inventory');
  expect(await concord.place(orderOf('decided', 2))).toMatchObject({ status: 'confirmed' });
  await expect(concord.cancel('decided')).rejects.toMatchObject(tooLate);
});

test('a cancel of an order that is being resolved in its place is too late, and stops no resolution', async () => {
  await using platform = await startPlatform();
  const { concord } = platform;
  await concord.restock('resolved', 10);
  await prepareByHand(platform, 'resolved');
  await platform.stop('inventory');
  const resolving = concord.resolve('resolved', { as: 'confirmed' });
  await expect
    .poll(() => concord.cancel('resolved').catch((error: unknown) => error))
    .toMatchObject({ code: 'TooLate', details: { status: 'being resolved' } });
  await platform.start('inventory');
  expect(await resolving).toMatchObject({ status: 'confirmed' });
});

function handleOf({ client }: Concord, { orderId }: { orderId: string }): WorkflowHandle<typeof placeOrder> {
  return client.workflow.getHandle<typeof placeOrder>(`order/${orderId}`);
}

/** Counts who has asked a workflow that another caller has started. */
function countJoins({ client }: Concord): () => number {
  const asked = vi.spyOn(client.workflowService, 'updateWorkflowExecution');
  return () => asked.mock.calls.length;
}

/** As clients of another make: twelve updates of their own, of which the server takes ten. */
async function holdUpdates(handle: WorkflowHandle<typeof placeOrder>, order: NewOrder & { orderId: string }) {
  const taken: string[] = [];
  const updates = Array.from({ length: 12 }, async () => {
    const update = await handle.startUpdate(decisionUpdate, { args: [order], waitForStage: 'ACCEPTED' });
    taken.push(update.updateId);
    return update.result();
  });
  const outcomes = Promise.all(updates);
  outcomes.catch(() => {});
  await expect.poll(() => taken.length).toBe(10);
  return { outcomes };
}

async function cancelTimed(concord: Concord, { orderId }: { orderId: string }) {
  const startedAt = performance.now();
  const { status } = await concord.cancel(orderId, { reason: REASON });
  const took = performance.now() - startedAt;
  return { status, inTime: took < IN_TIME };
}

// Behind ten updates that wait, it took more than ten seconds.
const IN_TIME = 1_000;

/** A caller who is gone before there is an answer: what it has asked for goes on. */
async function askAndVanish(concord: Concord, ask: () => Promise<unknown>): Promise<void> {
  const joined = countJoins(concord);
  const before = joined();
  const vanishing = new AbortController();
  const asking = concord.client.withAbortSignal(vanishing.signal, () => ask().catch(() => {}));
  await expect.poll(joined).toBeGreaterThan(before);
  vanishing.abort();
  await asking;
}

/** How many cancels its history holds. */
async function signalsOf(concord: Concord, order: { orderId: string }): Promise<number> {
  const { events } = await handleOf(concord, order).fetchHistory();
  const names = (events ?? []).map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
  return names.filter((name) => name === 'cancel').length;
}

/** How many updates its workflow has taken. */
async function updatesOf(concord: Concord, order: { orderId: string }): Promise<number> {
  const { events } = await handleOf(concord, order).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length;
}
