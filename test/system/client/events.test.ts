import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { OrderEvent } from '../../../client/events.ts';
import { type Strategy, strategies } from '../../../domain/strategies.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runInProcess, startCli } from '../../support/run-cli.ts';

// What the strategies show of themselves on a pipe, against a real server.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  vi.stubEnv('TEMPORAL_ADDRESS', platform.address);
  vi.stubEnv('TEMPORAL_NAMESPACE', platform.namespace);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await platform[Symbol.asyncDispose]();
});

afterEach(() => platform.repair('inventory'));

/** What a command prints, without the end of its last line. */
async function concord(...args: string[]) {
  const { exitCode, stdout, stderr } = await runInProcess(args);
  return { exitCode, stdout: stdout.trimEnd(), stderr: stderr.trimEnd() };
}

async function json(...args: string[]) {
  const { exitCode, stdout, stderr } = await concord(...args, '--json');
  const document: unknown = stdout === '' ? undefined : JSON.parse(stdout);
  const failure: unknown = stderr === '' ? undefined : JSON.parse(stderr);
  return { exitCode, document, failure };
}

const newId = (prefix: string) => `${prefix}-${randomUUID().slice(0, 8)}`;
const linesOf = (stdout: string) => stdout.split('\n').map((line) => line.split('\t'));

/** An order for one unit of a new SKU. */
async function newOrder(customerId = 'alice') {
  const sku = newId('sku');
  await platform.concord.restock(sku, 1);
  return { orderId: newId('order'), customerId, lines: [{ sku, quantity: 1 }] };
}

describe('--strategy', () => {
  test.each(strategies)('%s: place, status, watch and list show it', async (strategy) => {
    const { orderId, customerId, lines } = await newOrder(newId('customer'));
    const sku = `${lines[0]?.sku}:1`;
    const args = ['--sku', sku, '--customer', customerId, '--order-id', orderId, '--strategy', strategy];
    expect(await concord('place', ...args)).toMatchObject({ exitCode: 0, stdout: `${orderId}\tconfirmed` });
    const status = await concord('status', orderId);
    const asJson = await json('status', orderId);
    const watched = await concord('watch', orderId);
    const listed = await concord('list', '--customer', customerId, '--strategy', strategy);
    const listedAsJson = await json('list', '--customer', customerId, '--strategy', strategy);
    expect(linesOf(status.stdout)).toContainEqual(['strategy', strategy]);
    expect(asJson).toMatchObject({ exitCode: 0, document: { orderId, strategy, phase: 'final' } });
    expect(linesOf(watched.stdout).at(-1)?.slice(1, 4)).toEqual(['confirmed', 'final', strategy]);
    expect(linesOf(listed.stdout).map((cells) => [cells[0], cells[5]])).toEqual([[orderId, strategy]]);
    expect(listedAsJson).toMatchObject({ document: [{ orderId, strategy }] });
    for (const other of strategies.filter((name) => name !== strategy)) {
      expect(await platform.concord.list({ customerId, strategy: other })).toEqual([]);
    }
  });

  test('many orders of a file, all by one strategy', async () => {
    const orders = [await newOrder(), await newOrder()];
    const args = ['place', '--file', '-', '--strategy', 'message-queue'];
    const { exitCode } = await startCli(args, { input: JSON.stringify(orders) });
    expect(exitCode).toBe(0);
    for (const { orderId } of orders) {
      expect(await platform.concord.status(orderId)).toMatchObject({ strategy: 'message-queue' });
    }
  });

  test.each(['place', 'list'])(
    '%s with one that does not exist: exit code 2, and what to use',
    async (command) => {
      const { exitCode, stderr } = await concord(command, '--strategy', 'saga');
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`--strategy`);
      for (const strategy of strategies) expect(stderr).toContain(strategy);
    },
  );
});

describe('events', () => {
  test('those of an order, in order, each with who has taken it', async () => {
    const order = await newOrder();
    await platform.concord.place(order, { strategy: 'event-driven' });
    const { orderId } = order;
    const orders = '/concord/orders';
    const inventory = '/concord/inventory';
    const expected = [
      ['OrderPlaced', orderId, orders, 'inventory=delivered'],
      ['StockReserved', orderId, inventory, 'orders=delivered'],
      ['OrderConfirmed', orderId, orders, 'inventory=delivered'],
      // It tells whoever may want to know; so far nobody does.
      ['StockSold', orderId, inventory],
    ];
    // The order is final a moment before the delivery that made it so has ended.
    await expect
      .poll(async () =>
        linesOf((await concord('events', '--order', orderId)).stdout).map(([, ...rest]) => rest),
      )
      .toEqual(expected);
    expect(await json('events', '--order', orderId)).toMatchObject({
      exitCode: 0,
      document: expected.map(([type, , source, ...deliveries]) => ({
        ...{ id: `${orderId}/${type}`, type, source, orderId },
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        deliveries: deliveries.map(() => ({ state: 'delivered' })),
      })),
    });
    expect(await platform.concord.events({ orderId, limit: 2 })).toMatchObject([
      { type: 'OrderConfirmed' },
      { type: 'StockSold' },
    ]);
  });

  test('of all orders, the newest', async () => {
    const placed: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      const order = await newOrder();
      await platform.concord.place(order, { strategy: 'event-driven' });
      placed.push(order.orderId);
    }
    // An order is answered before the last of its events is on its way.
    await expect
      .poll(async () => (await platform.concord.events({ limit: 8 })).map(({ orderId }) => orderId))
      .toEqual(placed.slice(1).flatMap((id) => [id, id, id, id]));
  });

  test('an order that nobody knows: exit code 1; one of another strategy has none', async () => {
    const order = await newOrder();
    await platform.concord.place(order);
    const unknown = await json('events', '--order', newId('order'));
    expect(unknown).toMatchObject({ exitCode: 1, failure: { error: { code: 'UnknownOrder' } } });
    expect(await json('events', '--order', newId('order'), '--follow')).toMatchObject({ exitCode: 1 });
    expect(await concord('events', '--order', order.orderId)).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });

  test.each([
    ['--limit', '0'],
    ['--limit', '1001'],
    ['--limit', 'x'],
    ['--order', '$where'],
    ['--order', "x' OR WorkflowType != '"],
  ])('%s %s: exit code 2', async (...args) => {
    expect(await concord('events', ...args)).toMatchObject({ exitCode: 2, stdout: '' });
  });

  test('--follow prints what comes, each state once, and ends on Ctrl-C with exit code 0', async () => {
    const known = await newOrder();
    await platform.concord.place(known, { strategy: 'event-driven' });
    const following = startCli(['events', '--follow', '--limit', '1', '--json']);
    const lines: string[] = [];
    createInterface({ input: following.stdout }).on('line', (line) => lines.push(line));
    const events = () => lines.map((line) => JSON.parse(line) as OrderEvent);
    await expect.poll(events).toMatchObject([{ id: `${known.orderId}/StockSold` }]);

    platform.breakDown('inventory');
    const order = await newOrderWhileDown();
    await platform.concord.place(order, { strategy: 'event-driven', wait: 'accepted' });
    const ofOrder = () => events().filter(({ orderId }) => orderId === order.orderId);
    const retrying = { subscriber: 'inventory', state: 'retrying', lastError: 'the database is down' };
    await expect
      .poll(() => ofOrder().at(-1))
      .toMatchObject({ type: 'OrderPlaced', deliveries: [{ ...retrying, attempt: expect.any(Number) }] });
    platform.repair('inventory');
    await expect.poll(() => ofOrder().map(({ type }) => type)).toContain('StockRejected');

    following.kill('SIGINT');
    const [exitCode] = await once(following, 'exit');
    expect(exitCode).toBe(0);
    // A delivery may be repeated, so an event may come back to a state; but each line tells of a change.
    const repeated = events().filter((event, index) => {
      const before = events()
        .slice(0, index)
        .findLast(({ id }) => id === event.id);
      return JSON.stringify(before) === JSON.stringify(event);
    });
    expect(repeated, 'no line says what the one before it said').toEqual([]);
    const types = new Set(ofOrder().map(({ type }) => type));
    expect([...types].slice(0, 2)).toEqual(['OrderPlaced', 'StockRejected']);
  });
});

/** An order of which the inventory, when it is back, will say that it doesn't know the SKU. */
async function newOrderWhileDown() {
  return { orderId: newId('order'), customerId: 'alice', lines: [{ sku: newId('sku'), quantity: 1 }] };
}

describe('status, while the inventory fails', () => {
  test.each([
    ['message-queue', /^mailbox\/\d ReserveStock to inventory$/],
    ['event-driven', /^mailbox\/\d OrderPlaced to inventory$/],
  ] as const satisfies [Strategy, RegExp][])(
    '%s: says what is tried again, and why',
    async (strategy, step) => {
      platform.breakDown('inventory');
      const order = await newOrderWhileDown();
      await platform.concord.place(order, { strategy, wait: 'accepted' });
      const retrying = expect.arrayContaining([
        expect.objectContaining({
          step: expect.stringMatching(step),
          lastError: expect.stringContaining('the database is down'),
        }),
      ]);
      await expect
        .poll(() => platform.concord.status(order.orderId))
        .toMatchObject({ status: 'pending', phase: 'preparing', retrying });
      platform.repair('inventory');
      await expect
        .poll(() => platform.concord.status(order.orderId), { timeout: 50_000 })
        .toMatchObject({ status: 'rejected', phase: 'final', retrying: [] });
    },
  );

  test('message-queue: says that a message waits which is not handled on its own', async () => {
    const order = await newOrder();
    const [sku = ''] = order.lines.map((line) => line.sku);
    const { stock } = platform.inventory;
    const healthy = await stock.findOneAndUpdate({ _id: sku }, { $set: { available: 'many' as never } });
    await platform.concord.place(order, { strategy: 'message-queue', wait: 'accepted' });
    await expect
      .poll(() => platform.concord.status(order.orderId))
      .toMatchObject({
        retrying: [
          {
            step: expect.stringMatching(/^mailbox\/\d ReserveStock to inventory$/),
            lastError: expect.stringContaining(sku),
          },
        ],
      });
    await stock.updateOne({ _id: sku }, { $set: { available: healthy?.available ?? 0 } });
    await expect
      .poll(() => platform.concord.status(order.orderId), { timeout: 50_000 })
      .toMatchObject({ status: 'confirmed', phase: 'final', retrying: [] });
  });
});
