import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { DEFAULT_INVENTORY_LIMITS } from '../../../activities/inventory/documents.ts';
import { strategies } from '../../../domain/strategies.ts';
import { checkConsistency, type IdentifiedOrder } from '../../support/consistency.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

// What users may rely on, whichever strategy they choose.
describe.each(strategies)('%s', (strategy) => {
  let platform: Platform;

  beforeAll(async () => {
    platform = await startPlatform();
  });

  afterAll(() => platform[Symbol.asyncDispose]());

  // Some tests take a service down; none may depend on whether another has brought it back.
  beforeEach(async () => {
    await platform.start('orders');
    await platform.start('inventory');
  });

  test('60 orders at once on too little stock, some cancelled in flight: nothing oversold, lost or untold', {
    timeout: 180_000,
  }, async () => {
    const { concord } = platform;
    const skus = ['S-1', 'S-2', 'S-3', 'S-4', 'S-5'];
    await Promise.all(skus.map((sku) => concord.restock(sku, 18)));
    const orders = Array.from(
      { length: 60 },
      (_, index): IdentifiedOrder => ({
        orderId: `order-${index}`,
        customerId: `customer-${index % 7}`,
        // 1 to 3 lines of 1 to 4 units: about twice as much as there is.
        lines: Array.from({ length: 1 + (index % 3) }, (_, line) => ({
          sku: skus[(index + line * 2) % skus.length] ?? '',
          quantity: 1 + ((index * 7 + line) % 4),
        })),
      }),
    );

    const told = await Promise.all(
      orders.map(async (order, index) => {
        await concord.place(order, { strategy, wait: 'accepted' });
        if (index % 5 === 0)
          await concord.cancel(order.orderId, { reason: 'in flight' }).catch(ignoreTooLate);
        return concord.place(order, { strategy });
      }),
    );

    await checkConsistency(platform, orders, told);
    const statuses = new Set(told.map(({ status }) => status));
    expect(statuses, 'each kind of outcome occurred').toEqual(
      new Set(['confirmed', 'rejected', 'cancelled']),
    );
  });

  test('the same order placed many times at once is one order', async () => {
    const { concord } = platform;
    await concord.restock('JOIN', 100);
    const order = { orderId: 'joined', customerId: 'c', lines: [{ sku: 'JOIN', quantity: 3 }] };
    const placed = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        concord.place(order, { strategy, wait: index % 2 === 0 ? 'final' : 'decided' }),
      ),
    );
    expect(new Set(placed.map(({ status }) => status))).toEqual(new Set(['confirmed']));
    expect(placed.filter(({ joined }) => !joined)).toHaveLength(1);
    await expect
      .poll(async () => (await concord.stock(['JOIN']))[0])
      .toMatchObject({ available: 97, sold: 3, reserved: 0 });
  });

  test('an order id with other content is refused, while it runs and after', async () => {
    const { concord } = platform;
    await concord.restock('OTHER', 10);
    await platform.stop('inventory');
    const order = { orderId: 'taken', customerId: 'c', lines: [{ sku: 'OTHER', quantity: 1 }] };
    await concord.place(order, { strategy, wait: 'accepted' });
    const other = { ...order, lines: [{ sku: 'OTHER', quantity: 2 }] };
    for (const wait of ['accepted', 'decided', 'final'] as const) {
      await expect(concord.place(other, { strategy, wait })).rejects.toMatchObject({ code: 'OrderIdTaken' });
    }
    await platform.start('inventory');
    expect(await concord.place(order, { strategy })).toMatchObject({ status: 'confirmed', joined: true });
    await expect(concord.place(other, { strategy })).rejects.toMatchObject({ code: 'OrderIdTaken' });
    expect(await concord.stock(['OTHER'])).toMatchObject([{ sold: 1, reserved: 0 }]);
  });

  test('an order whose history is no longer kept is still known, joined and not placed again', async () => {
    await platform.concord.restock('OLD', 10);
    const confirmed = { orderId: 'old', customerId: 'c', lines: [{ sku: 'OLD', quantity: 1 }] };
    const rejected = { orderId: 'old-rejected', customerId: 'c', lines: [{ sku: 'OLD', quantity: 100 }] };
    const another = { ...confirmed, orderId: 'old-other' };
    const wanted = { ...confirmed, orderId: 'old-wanted' };
    for (const order of [confirmed, rejected, another, wanted])
      await platform.concord.place(order, { strategy });
    await platform.stop('orders');
    await platform.stop('inventory');

    const later = await startPlatform(platform.databases);
    const { concord } = later;
    expect(await concord.status('old')).toMatchObject({ status: 'confirmed', phase: 'final' });
    expect(await concord.place(confirmed, { strategy, wait: 'decided' })).toEqual({
      orderId: 'old',
      status: 'confirmed',
      joined: true,
    });
    expect(await concord.place(confirmed, { strategy })).toMatchObject({ status: 'confirmed', joined: true });
    expect(await concord.place(rejected, { strategy })).toMatchObject({
      status: 'rejected',
      reason: { code: 'OutOfStock' },
      joined: true,
    });
    const otherContent = { ...another, lines: [{ sku: 'OLD', quantity: 2 }] };
    await expect(concord.place(otherContent, { strategy })).rejects.toMatchObject({ code: 'OrderIdTaken' });
    // Also where the inventory is the first to say no, and however often; and the order itself keeps its id.
    const unknownContent = { ...wanted, lines: [{ sku: 'NOBODY-KNOWS-IT', quantity: 1 }] };
    for (let times = 0; times < 2; times++)
      await expect(concord.place(unknownContent, { strategy })).rejects.toMatchObject({
        code: 'OrderIdTaken',
      });
    expect(await concord.place(wanted, { strategy })).toMatchObject({ status: 'confirmed', joined: true });
    expect(await concord.status('old-wanted')).toMatchObject({ status: 'confirmed', lines: wanted.lines });
    expect(await concord.stock(['OLD'])).toMatchObject([{ available: 7, sold: 3, reserved: 0 }]);
    expect(await later.orders.findOne({ _id: 'old-rejected' })).toMatchObject({
      reason: { code: 'OutOfStock' },
    });
    expect(await later.orders.findOne({ _id: 'old-other' })).toMatchObject({
      status: 'confirmed',
      lines: another.lines,
    });
    await later[Symbol.asyncDispose]();
  });

  test('place returns at the decision, while participants are still being told', async () => {
    const { concord } = platform;
    await concord.restock('EARLY', 10);
    await platform.stop('inventory');
    const decided = concord.place(
      { orderId: 'early', customerId: 'c', lines: [{ sku: 'EARLY', quantity: 1 }] },
      { strategy, wait: 'decided' },
    );
    await expect
      .poll(async () => (await concord.status('early').catch(() => undefined))?.participants)
      .toMatchObject({ orders: 'prepared' });
    const cancelled = await concord.cancel('early');
    // The inventory is still down, so nothing is released yet; but the decision is durable.
    expect(cancelled.status).toBe('cancelled');
    expect(await decided).toMatchObject({ status: 'cancelled' });
    expect(await concord.status('early')).toMatchObject({ phase: 'rolling-back', status: 'cancelled' });
    await platform.start('inventory');
    await expect.poll(async () => (await concord.status('early')).phase).toBe('final');
  });

  test('a workflow that was started around the client is checked all the same', async () => {
    const { workflow } = platform.concord.client;
    const order = { orderId: 'raw', customerId: 'c', lines: [{ sku: 'S-1', quantity: 1 }] };
    const start = (workflowId: string, input: unknown) =>
      workflow.execute('placeOrder', { taskQueue: 'orders', workflowId, args: [input] });
    for (const [workflowId, input] of [
      ['order/other', { order, strategy }],
      ['order/raw', { order: { ...order, orderId: { $ne: null } } }],
      ['order/raw', { order: { ...order, lines: [{ sku: 'S-1', quantity: -5 }] } }],
      ['order/raw', undefined],
      ['order/raw', { order, strategy, prepareBudget: -1 }],
      ['order/raw', { order, strategy: 'hope' }],
    ] as const) {
      await expect(start(workflowId, input)).rejects.toMatchObject({ cause: { type: 'InvalidInput' } });
    }
    expect(await platform.orders.countDocuments({ _id: 'raw' })).toBe(0);
  });

  test('a hostile cancel is refused and changes nothing', async () => {
    const { concord } = platform;
    await concord.restock('HOSTILE', 10);
    await platform.stop('inventory');
    await concord.place(
      { orderId: 'hostile', customerId: 'c', lines: [{ sku: 'HOSTILE', quantity: 1 }] },
      { strategy, wait: 'accepted' },
    );
    const handle = concord.client.workflow.getHandle('order/hostile');
    for (const argument of [
      undefined,
      {},
      { reason: 7 },
      { reason: 'x'.repeat(100_000) },
      { reason: 'r', __proto: 1 },
    ]) {
      await expect(handle.executeUpdate('cancel', { args: [argument] })).rejects.toMatchObject({
        cause: { type: 'InvalidInput' },
      });
    }
    await platform.start('inventory');
    expect(await handle.result()).toMatchObject({ status: 'confirmed' });
  });

  test('a cancel that arrives before the order service is up is acted on at once', async () => {
    const { concord } = platform;
    await concord.restock('FIRST', 10);
    await platform.stop('orders');
    await platform.stop('inventory');
    const order = { orderId: 'first-task', customerId: 'c', lines: [{ sku: 'FIRST', quantity: 1 }] };
    await concord.place(order, { strategy, wait: 'accepted' });
    const handle = concord.client.workflow.getHandle('order/first-task');
    const cancelled = handle.executeUpdate('cancel', { args: [{ reason: 'early' }] });
    await platform.start('orders');
    expect(await cancelled).toMatchObject({ status: 'cancelled', reason: { message: 'early' } });
    await platform.start('inventory');
    expect(await handle.result()).toMatchObject({ status: 'cancelled' });
    expect(await concord.stock(['FIRST'])).toMatchObject([{ available: 10, reserved: 0 }]);
  });

  test('a cancel that comes a moment before its order cancels it', async () => {
    const { concord } = platform;
    await concord.restock('MOMENT', 10);
    platform.breakDown('inventory');
    const order = { orderId: 'a-moment', customerId: 'c', lines: [{ sku: 'MOMENT', quantity: 1 }] };
    const handle = concord.client.workflow.getHandle('order/a-moment');
    const describe = async () => {
      const seen = handle.describe();
      await seen.catch(() => concord.place(order, { strategy, wait: 'accepted' }));
      return seen;
    };
    vi.spyOn(concord.client.workflow, 'getHandle').mockReturnValueOnce({ ...handle, describe });
    const cancelled = await concord.cancel('a-moment').finally(() => platform.repair('inventory'));
    expect(cancelled).toMatchObject({ status: 'cancelled' });
  });

  test("who waits for the decision is told of it, also where Temporal's own cancel brings it about", async () => {
    const { concord } = platform;
    await concord.restock('WAITING', 10);
    await platform.stop('inventory');
    const order = { orderId: 'waiting', customerId: 'c', lines: [{ sku: 'WAITING', quantity: 1 }] };
    const decided = concord.place(order, { strategy, wait: 'decided' });
    await expect
      .poll(async () => (await concord.status('waiting').catch(() => undefined))?.participants)
      .toMatchObject({ orders: 'prepared' });
    await concord.client.workflow.getHandle('order/waiting').cancel();
    expect(await decided).toMatchObject({ status: 'cancelled' });
  });

  // A retry is the same in every strategy, so one is enough.
  test.runIf(strategy === 'two-phase')(
    'an SKU that as many unsettled orders hold as fit takes no more: the order waits, and is rejected whole',
    async () => {
      const { concord, inventory } = platform;
      const { maximumHolds } = DEFAULT_INVENTORY_LIMITS;
      await concord.restock('BESIDE', 10);
      const holds = Array.from({ length: maximumHolds }, (_, index) => {
        return { orderId: `unsettled-${index}`, quantity: 1, attempt: 1 };
      });
      const counts = { available: 10, reserved: maximumHolds, sold: 0, received: maximumHolds + 10 };
      await inventory.stock.insertOne({ _id: 'FULL', ...counts, holds, settled: [] });
      const lines = ['BESIDE', 'FULL'].map((sku) => ({ sku, quantity: 1 }));
      const order = (orderId: string) => ({ orderId, customerId: 'c', lines });
      // Long enough for an attempt on a busy machine, of which the reason tells.
      await concord.place(order('late'), { strategy, prepareBudget: 8_000 });
      const { status, reason } = await concord.status('late');
      expect([status, reason?.code]).toEqual(['rejected', 'PrepareTimedOut']);
      expect(reason?.message).toMatch(/FULL is held by 50000 orders .* see `concord stuck`/);
      await expect
        .poll(() => concord.stock(['BESIDE', 'FULL']), { timeout: 30_000 })
        .toMatchObject([{ available: 10, reserved: 0 }, counts]);

      await inventory.stock.updateOne(
        { _id: 'FULL' },
        { $pull: { holds: { orderId: 'unsettled-0' } }, $inc: { reserved: -1, available: 1 } },
      );
      expect(await concord.place(order('next'), { strategy })).toMatchObject({ status: 'confirmed' });
    },
  );

  test('whoever waits for the decision of another order under the same id is refused', async () => {
    const { concord } = platform;
    await concord.restock('DECISION', 10);
    const order = { orderId: 'decision', customerId: 'c', lines: [{ sku: 'DECISION', quantity: 1 }] };
    await platform.stop('inventory');
    await concord.place(order, { strategy, wait: 'accepted' });
    const handle = concord.client.workflow.getHandle('order/decision');
    const other = { ...order, customerId: 'another' };
    await expect(handle.executeUpdate('decision', { args: [other] })).rejects.toMatchObject({
      cause: { type: 'OrderIdTaken' },
    });
    await concord.cancel('decision');
  });

  test('a receipt id with another delivery is refused', async () => {
    const { concord } = platform;
    await concord.restock('RECEIPT', 10, { receiptId: 'delivery-1' });
    await concord.restock('RECEIPT', 10, { receiptId: 'delivery-1' });
    await expect(concord.restock('RECEIPT', 11, { receiptId: 'delivery-1' })).rejects.toMatchObject({
      code: 'InvalidInput',
    });
    expect(await concord.stock(['RECEIPT'])).toMatchObject([{ received: 10 }]);
  });

  test('an order whose workflow was terminated is not cancelled, and says that it needs an operator', async () => {
    const { concord } = platform;
    await concord.restock('TERMINATED', 10);
    await platform.stop('inventory');
    const order = { orderId: 'terminated', customerId: 'c', lines: [{ sku: 'TERMINATED', quantity: 1 }] };
    await concord.place(order, { strategy, wait: 'accepted' });
    await concord.client.workflow.getHandle('order/terminated').terminate('by a test');
    await expect(concord.cancel('terminated')).rejects.toMatchObject({ code: 'OrderFailed' });
    expect(await concord.status('terminated')).toMatchObject({ phase: 'failed', status: 'pending' });
  });

  test('a workflow that is reset past its decision settles as it had decided', async () => {
    const { concord } = platform;
    await concord.restock('RESET', 10);
    const order = { orderId: 'reset', customerId: 'c', lines: [{ sku: 'RESET', quantity: 2 }] };
    await concord.place(order, { strategy });
    const { client } = concord;
    const handle = client.workflow.getHandle('order/reset');
    const { runId } = await handle.describe();
    const { events } = await handle.fetchHistory();
    const first = events?.find(
      ({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes,
    );
    await client.workflowService.resetWorkflowExecution({
      namespace: platform.namespace,
      workflowExecution: { workflowId: 'order/reset', runId },
      workflowTaskFinishEventId: first?.eventId ?? null,
      requestId: 'reset-once',
      reason: 'by a test',
    });
    expect(await client.workflow.getHandle('order/reset').result()).toMatchObject({ status: 'confirmed' });
    expect(await concord.stock(['RESET'])).toMatchObject([{ available: 8, reserved: 0, sold: 2 }]);
    expect(await platform.orders.findOne({ _id: 'reset' })).toMatchObject({ status: 'confirmed' });
  });
});

function ignoreTooLate(error: unknown): void {
  expect(error).toMatchObject({ code: 'TooLate' });
}
