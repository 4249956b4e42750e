import { type Db, Timestamp } from 'mongodb';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createOrders } from '../../../activities/orders/participant.ts';
import type { OrderRecord } from '../../../domain/order-record.ts';
import type { StockLevel } from '../../../domain/stock.ts';
import { shelve } from '../../support/inventory.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { requestOf } from '../../support/requests.ts';
import { runInProcess } from '../../support/run-cli.ts';

// Lists that no single answer takes, on a server with its usual limits.

const SKUS = Array.from({ length: 40_000 }, (_, index) => `SKU-${String(index).padStart(5, '0')}`);
const LONG = 'x'.repeat(93);

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  for (let next = 0; next < SKUS.length; next += 20_000) {
    const units = SKUS.slice(next, next + 20_000).map((sku) => [sku, 5]);
    await shelve(platform.inventory, Object.fromEntries(units));
  }
});

afterAll(() => platform[Symbol.asyncDispose]());

const concord = (args: readonly string[]) =>
  runInProcess([...args, '--address', platform.address, '--namespace', platform.namespace]);

/** For the time of a test, standard output counts as a terminal. */
function onTerminal(): void {
  process.stdout.isTTY = true;
  onTestFinished(() => {
    process.stdout.isTTY = false;
  });
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('40,000 SKUs', () => {
  test('are no reason for doctor to call the inventory broken', async () => {
    const { stdout } = await concord(['doctor']);
    expect(stdout).toMatch(/^ok\tinventory service\tanswers from its database/m);
  });

  test('come from the client one after the other, each once, and in parts where it is asked for parts', async () => {
    const { concord: client } = platform;
    const skusOf = (levels: readonly StockLevel[]) => levels.map(({ sku }) => sku);
    // All of them: test/long/client/pages.test.ts.
    expect(skusOf(await all(client.stockLevels({ after: 'SKU-36999' })))).toEqual(SKUS.slice(37_000));
    expect(skusOf(await client.stock())).toEqual(SKUS.slice(0, 20));
    const page = await client.stock([], { limit: 1000, after: 'SKU-20000' });
    expect(skusOf(page)).toEqual(SKUS.slice(20_001, 21_001));
    expect(skusOf(await client.stock([], { after: 'SKU-39990' }))).toEqual(SKUS.slice(39_991));
    expect(skusOf(await client.stock(['SKU-39999', 'SKU-00000']))).toEqual(['SKU-00000', 'SKU-39999']);
  });

  test('all go down a pipe; as many as --limit says, with how to go on', async () => {
    const piped = await concord(['stock', '--after', 'SKU-37999']);
    expect(piped).toEqual({
      exitCode: 0,
      stdout: SKUS.slice(38_000)
        .map((sku) => `${sku}\t5\t0\t0\t5\n`)
        .join(''),
      stderr: '',
    });
    const limited = await concord(['stock', '--limit', '2', '--after', 'SKU-00010']);
    expect(limited).toEqual({
      exitCode: 0,
      stdout: 'SKU-00011\t5\t0\t0\t5\nSKU-00012\t5\t0\t0\t5\n',
      stderr: 'there are more: go on with --after SKU-00012\n',
    });
    const last = await concord(['stock', '--limit', '2', '--after', 'SKU-39997']);
    expect(last).toMatchObject({ exitCode: 0, stderr: '' });
    const json = await concord(['stock', '--json', '--after', 'SKU-38000']);
    expect((JSON.parse(json.stdout) as object[]).length).toBe(1_999);
    expect(json.stderr).toBe('');
    const none = await concord(['stock', '--json', '--after', 'SKU-39999']);
    expect(none).toEqual({ exitCode: 0, stdout: '[]\n', stderr: '' });
  });

  test('are a page on a terminal', async () => {
    onTerminal();
    const { stdout, stderr } = await concord(['stock']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(21);
    expect(stdout).toMatch(/SKU-00019 +5/);
    expect(stderr).toContain('there are more: go on with --after SKU-00019');
    expect((await concord(['stock', '--after', 'SKU-39999'])).stdout).toBe('no SKU after SKU-39999\n');
  });
});

test('an SKU whose counts somebody has overwritten is shown as damaged, and all others as they are', async () => {
  const { inventory, databases } = platform;
  const sound = await inventory.stock.findOne({ _id: 'SKU-00000' });
  const damages = [{ available: 'x'.repeat(3_000_000) }, { sold: null }, { received: { units: 5 } }, {}];
  const documents = damages.map((damage, index) => ({ ...sound, ...damage, _id: `ZZ-${index}` }));
  await databases.inventory.collection<{ _id: string }>('stock').insertMany(documents);
  onTestFinished(async () => {
    await inventory.stock.deleteMany({ _id: /^ZZ-/ });
  });
  const none = { available: 0, reserved: 0, sold: 0, received: 0 };
  expect(await platform.concord.stock([], { after: 'SKU-39999' })).toEqual([
    { sku: 'ZZ-0', ...none, damaged: 'available is no number' },
    { sku: 'ZZ-1', ...none, damaged: 'sold is no number' },
    { sku: 'ZZ-2', ...none, damaged: 'received is no number' },
    { sku: 'ZZ-3', available: 5, reserved: 0, sold: 0, received: 5 },
  ]);
  expect(await platform.concord.stock(['ZZ-0'])).toMatchObject([{ damaged: 'available is no number' }]);
  const { stdout } = await concord(['stock', '--after', 'ZZ-1']);
  expect(stdout).toBe('ZZ-2\t?\t?\t?\t?\tdamaged: received is no number\nZZ-3\t5\t0\t0\t5\n');
  onTerminal();
  const shown = (await concord(['stock', '--after', 'ZZ-0'])).stdout;
  expect(shown).toMatch(/ZZ-2 .*damaged: received is no number/);
});

describe('a list of orders', () => {
  const lines = [{ sku: 'SKU-00000', quantity: 1 }];
  const orders = () => createOrders(platform.orders);
  const place = (orderId: string, placedAt: string) =>
    orders().prepare({ ...requestOf(orderId, lines), placedAt });
  const idsOf = (records: readonly OrderRecord[]) => records.map(({ orderId }) => orderId);

  test('has each order once while others are placed, also of the same moment, and those without a time at the end', async () => {
    const expected: string[] = [];
    for (let index = 0; index < 30; index += 1) {
      // Ten moments, each with three orders.
      const orderId = `paged-${String(index).padStart(2, '0')}`;
      await place(orderId, new Date(Date.UTC(2026, 0, 20 - Math.floor(index / 3))).toISOString());
      expected.push(orderId);
    }
    const untyped = untypedOrders(platform.databases.orders);
    const document = await platform.orders.findOne({ _id: 'paged-00' });
    // What is no order, because no order has such an id.
    await untyped.insertMany([1, 2, 3, 4, 5, 6].map((_id) => ({ ...document, _id })));
    const damaged = ['yesterday', null, 5, 'never', ...DAMAGED_TIMES];
    for (const [index, createdAt] of damaged.entries()) {
      await untyped.insertOne({ ...document, _id: `untimed-${index}`, createdAt });
      expected.push(`untimed-${index}`);
    }
    const found: string[] = [];
    for await (const { orderId } of platform.concord.orders({ limit: 4 })) {
      found.push(orderId);
      // Newer than all that is left, and so on no further page.
      if (found.length % 5 === 0) await place(`newer-${found.length}`, '2026-02-01T00:00:00.000Z');
    }
    expect(found).toEqual(expected);
    const last = await platform.concord.list({ after: 'paged-28' });
    const untimed = damaged.map((_, index) => `untimed-${index}`);
    expect(idsOf(last)).toEqual(['paged-29', ...untimed]);
    // On from each of them.
    for (const [index, after] of untimed.entries()) {
      expect(idsOf(await platform.concord.list({ after }))).toEqual(untimed.slice(index + 1));
    }
    expect(
      idsOf(await platform.concord.list({ customerId: 'customer', after: 'paged-02', limit: 2 })),
    ).toEqual(['paged-03', 'paged-04']);
  });

  test('of the largest orders there are comes in as many answers as it takes; what no answer takes is shown as damaged', async () => {
    const customerId = 'c'.repeat(100);
    const longest = Array.from({ length: 100 }, (_, index) => {
      return { sku: `${LONG}-${String(index).padStart(5, '0')}`, quantity: Number.MAX_SAFE_INTEGER };
    });
    const documents = Array.from({ length: 300 }, (_, index) => ({
      ...{
        _id: `${LONG}-${String(index).padStart(5, '0')}`,
        coordinatorId: 'run',
        customerId,
        lines: longest,
      },
      ...{ status: 'pending', strategy: 'two-phase', createdAt: new Date(index), updatedAt: new Date(index) },
      ...(index === 7 ? { reason: { code: 'Cancelled', message: 'y'.repeat(3_000_000) } } : {}),
    }));
    await untypedOrders(platform.databases.orders).insertMany(documents);
    const found = await platform.concord.list({ customerId, limit: 1000 });
    expect(idsOf(found)).toEqual(documents.map(({ _id }) => _id).reverse());
    const damaged = found.filter(({ reason }) => reason !== undefined);
    expect(damaged).toMatchObject([{ orderId: `${LONG}-00007`, reason: { code: 'DamagedOrder' } }]);

    // One that is asked for by its id alone has to be said to be too large.
    await expect(platform.concord.status(`${LONG}-00007`)).rejects.toMatchObject({
      code: 'TooLarge',
      message: expect.stringMatching(/more than 2 MB.*ask for less at once/),
    });
  });

  test('is a page on a terminal, and says how to go on; --after names an order that is known', async () => {
    for (let index = 0; index < 25; index += 1)
      await place(`shown-${index}`, new Date(2e12 - index).toISOString());
    const unknown = await concord(['list', '--after', 'nobody']);
    expect(unknown).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unknown.stderr).toMatch(/^error: --after: no order nobody is known/);
    const piped = await concord(['list', '--customer', 'customer', '--limit', '3', '--after', 'shown-1']);
    expect(piped.stdout.split('\n').map((row) => row.split('\t')[0])).toEqual([
      'shown-2',
      'shown-3',
      'shown-4',
      '',
    ]);
    expect(piped.stderr).toBe('there are more: go on with --after shown-4\n');
    onTerminal();
    const page = await concord(['list']);
    expect(page.stdout).toContain('shown-19');
    expect(page.stdout).not.toContain('shown-20');
    expect(page.stderr).toContain('there are more: go on with --after shown-19');
  });
});

/** What databases sort before, after and among dates, and a date that JavaScript doesn't know. */
const DAMAGED_TIMES = [
  new Timestamp({ t: 1_800_000_000, i: 1 }),
  /^2026/,
  [new Date('2026-01-15')],
  [new Date('2020-01-01'), new Date('2040-01-01')],
  [],
  Object.assign(new Date(0), { getTime: () => 9e15 }),
];

/** Somebody else has written into it. */
function untypedOrders(database: Db) {
  return database.collection<{ _id: string | number; [field: string]: unknown }>('orders');
}
