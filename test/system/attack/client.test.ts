import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Concord, NewOrder, PlaceOptions } from '../../../client/concord.ts';
import { ConcordError } from '../../../domain/errors.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import {
  damaged,
  everything,
  expectAlive,
  expectPresentable,
  fieldsOfOrder,
  fits,
  hostileValues,
  isIdentifier,
  SEED,
} from './hostile.ts';

// What a program can pass to the client where nothing checks its types.

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(() => platform[Symbol.asyncDispose]());

afterEach(() => expectAlive(platform));

/** Values that JSON has no words for as well. */
const values = [
  ...hostileValues,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  7n,
  Symbol('hostile'),
  () => 'A',
  new Map(),
];

type Call = (concord: Concord, value: unknown) => Promise<unknown>;
const none = () => false;
const isAbsent = (value: unknown) => value === undefined;

/** Each call, and which values are right there after all. */
const calls: [string, Call, (value: unknown) => boolean][] = [
  ...fieldsOfOrder
    .filter((field) => field !== 'order')
    .map((field): [string, Call, (value: unknown) => boolean] => [
      `place, ${field}`,
      (concord, value) => concord.place(damaged(field, value) as NewOrder),
      // Without an order id, an order gets a new one.
      (value) => fits(field, value) || (field === 'orderId' && (value === null || isAbsent(value))),
    ]),
  [
    'place, prepareBudget',
    (concord, value) =>
      concord.place(damaged('customerId', 'c') as NewOrder, { prepareBudget: value } as PlaceOptions),
    isAbsent,
  ],
  ['status', (concord, value) => concord.status(value as string), isIdentifier],
  ['watch', (concord, value) => concord.watch(value as string).next(), isIdentifier],
  ['cancel', (concord, value) => concord.cancel(value as string), isIdentifier],
  ['list', (concord, value) => concord.list(value as object), isPlain],
  ['list, customerId', (concord, value) => concord.list({ customerId: value as string }), isIdentifier],
  ['list, status', (concord, value) => concord.list({ status: value as 'pending' }), none],
  ['list, limit', (concord, value) => concord.list({ limit: value as number }), none],
  [
    'stock',
    (concord, value) => concord.stock(value as string[]),
    (value) => Array.isArray(value) && value.length === 0,
  ],
  ['stock, SKU', (concord, value) => concord.stock([value as string]), isIdentifier],
  ['restock, SKU', (concord, value) => concord.restock(value as string, 1), isIdentifier],
  ['restock, quantity', (concord, value) => concord.restock('HEALTHY', value as number), none],
  [
    'restock, receiptId',
    (concord, value) => concord.restock('HEALTHY', 1, { receiptId: value as string }),
    isIdentifier,
  ],
];

/** An empty filter is one that lists everything. */
function isPlain(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && Object.keys(value).length === 0 && !Array.isArray(value)
  );
}

test.each(calls)('%s: refused as bad input before anything is sent', async (_name, call, isRight) => {
  const before = await everything(platform);
  const started = Date.now();
  for (const value of values.filter((candidate) => !isRight(candidate))) {
    const error = await call(platform.concord, value).then(
      () => 'accepted',
      (reason: unknown) => reason,
    );
    const shown = `seed ${SEED}: ${inspect(value, { maxArrayLength: 5, maxStringLength: 100, depth: 3 }).slice(0, 300)}`;
    expect(error, shown).toBeInstanceOf(ConcordError);
    expect((error as ConcordError).code, shown).toBe('InvalidInput');
    expectPresentable((error as ConcordError).message);
    expect(JSON.stringify((error as ConcordError).details).length).toBeLessThan(10_000);
  }
  expect(Date.now() - started, 'nobody is asked').toBeLessThan(5_000);
  expect(await everything(platform)).toEqual(before);
});

test('more lines, SKUs and text than anybody orders: refused, in bounded time', async () => {
  const started = Date.now();
  const lines = Array.from({ length: 1_000_000 }, (_, index) => ({ sku: `S${index}`, quantity: 1 }));
  const { concord } = platform;
  for (const call of [
    () => concord.place({ customerId: 'c', lines }),
    () => concord.place({ customerId: 'a'.repeat(10_000_000), lines: lines.slice(0, 1) }),
    () => concord.stock(lines.map(({ sku }) => sku)),
    () => concord.status('a'.repeat(10_000_000)),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'InvalidInput' });
  }
  expect(Date.now() - started).toBeLessThan(10_000);
});

test('quantities whose sum no number can hold are refused, not rounded', async () => {
  const line = { sku: 'HEALTHY', quantity: Number.MAX_SAFE_INTEGER };
  const order = { customerId: 'c', lines: [line, { ...line, quantity: 1 }] };
  await expect(platform.concord.place(order)).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('names that every object inherits are names like any other', async () => {
  const { concord } = platform;
  for (const name of ['constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
    await expect(concord.status(name)).rejects.toMatchObject({ code: 'UnknownOrder' });
    await expect(concord.stock([name])).rejects.toMatchObject({ code: 'UnknownSku' });
    expect(await concord.list({ customerId: name })).toEqual([]);
  }
});
