import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCli, runInProcess } from '../../support/run-cli.ts';
import {
  damaged,
  expectPresentable,
  fieldsOfOrder,
  fits,
  hostileTexts,
  hostileValues,
  isIdentifier,
} from './hostile.ts';

// What a command line can be given; nothing listens where it would send anything.

const NOBODY = '127.0.0.1:1';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  vi.stubEnv('TEMPORAL_ADDRESS', NOBODY);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

const concord = (...args: string[]) => runInProcess(args);

// The marks that a terminal obeys: all controls but the line break, and what reverses the direction of writing.
const OBEYED = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

function expectHarmless(text: string): void {
  expectPresentable(text);
  expect(text.replaceAll('\n', ''), 'nothing that a terminal would obey').not.toMatch(OBEYED);
}

/** Refused before anything is sent: sending would end with 3. */
async function expectRefused(...args: string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await concord(...args);
  const shown = JSON.stringify(args).slice(0, 300);
  expect({ exitCode, stdout }, shown).toEqual({ exitCode: 2, stdout: '' });
  expectHarmless(stderr);
}

const texts = hostileTexts.filter((text) => !isIdentifier(text) && text.length < 1_000);

describe('hostile text is refused, and shown as something harmless', () => {
  test.each([
    ['status', (text: string) => ['status', '--', text]],
    ['watch', (text: string) => ['watch', '--', text]],
    ['cancel', (text: string) => ['cancel', '--', text]],
    ['stuck, failures', (text: string) => ['stuck', `--failures=${text}`]],
    ['stuck, longer than', (text: string) => ['stuck', `--longer-than=${text}`]],
    ['retry', (text: string) => ['retry', '--', text]],
    ['resolve', (text: string) => ['resolve', '--as=rejected', '--', text]],
    ['resolve, as', (text: string) => ['resolve', 'x', `--as=${text}`]],
    ['stock', (text: string) => ['stock', '--', text]],
    ['restock, SKU', (text: string) => ['restock', '--', text, '1']],
    ['restock, quantity', (text: string) => ['restock', '--', 'A', text]],
    ['restock, receipt id', (text: string) => ['restock', 'A', '1', `--receipt-id=${text}`]],
    ['list, customer', (text: string) => ['list', `--customer=${text}`]],
    ['list, status', (text: string) => ['list', `--status=${text}`]],
    ['list, limit', (text: string) => ['list', `--limit=${text}`]],
    ['place, customer', (text: string) => ['place', '--sku=A:1', `--customer=${text}`]],
    ['place, order id', (text: string) => ['place', '--sku=A:1', '--customer=c', `--order-id=${text}`]],
    ['place, SKU', (text: string) => ['place', '--customer=c', `--sku=${text}:1`]],
    ['place, quantity', (text: string) => ['place', '--customer=c', `--sku=A:${text}`]],
    ['place, wait', (text: string) => ['place', '--customer=c', '--sku=A:1', `--wait=${text}`]],
    ['a command', (text: string) => [`x${text}`]],
    ['an option', (text: string) => ['list', `--x${text}`]],
  ] as const)('%s', async (_name, argsOf) => {
    // An operating system passes no NUL to a program.
    for (const text of texts.filter((candidate) => !candidate.includes('\0')))
      await expectRefused(...argsOf(text));
  });

  test.each(['0', '-1', '1.5', '1e3', '0x10', 'NaN', 'Infinity', '9'.repeat(400), '٣'])(
    'the quantity %s',
    async (quantity) => {
      await expectRefused('restock', '--', 'A', quantity);
      await expectRefused('place', '--customer=c', `--sku=A:${quantity}`);
    },
  );

  test('a very long argument is not repeated in full', async () => {
    const text = 'x'.repeat(100_000);
    for (const args of [
      ['list', `--limit=${text}`],
      ['list', `--status=${text}`],
      [text],
      ['list', `--${text}`],
    ]) {
      await expectRefused(...args);
    }
  });

  test('with --json an error is one line of JSON', async () => {
    for (const text of texts) {
      const { exitCode, stderr } = await concord('--json', 'status', '--', text);
      expect(exitCode).toBe(2);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'InvalidInput' } });
    }
  });
});

async function orderFile(content: string): Promise<string> {
  const file = path.join(directory, 'orders.json');
  await writeFile(file, content);
  return file;
}

describe('a hostile file of orders is refused', () => {
  test.each(fieldsOfOrder)('a value in %s', async (field) => {
    for (const value of hostileValues.filter((candidate) => !fits(field, candidate))) {
      const isList = field === 'order' && Array.isArray(value);
      if (field === 'orderId' && value === undefined) continue;
      const content = JSON.stringify(isList ? [value] : damaged(field, value));
      await expectRefused('place', '--file', await orderFile(content));
    }
  });

  test.each([
    ['deep arrays', '['.repeat(1_000_000) + ']'.repeat(1_000_000)],
    ['deep objects', `${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}`],
    ['deep arrays without an end', '['.repeat(2_000_000)],
    ['a string without an end', `"${'a'.repeat(5_000_000)}`],
    ['a number without an end', '1'.repeat(5_000_000)],
    ['prototypes', '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'],
    [
      'a prototype in an order',
      '{"customerId":"c","lines":[{"sku":"A","quantity":1}],"__proto__":{"polluted":true}}',
    ],
    ['the same key twice', '{"customerId":"c","customerId":{"$ne":null},"lines":[{"sku":"A","quantity":1}]}'],
  ])('%s, in bounded time', async (_name, content) => {
    const started = Date.now();
    await expectRefused('place', '--file', await orderFile(content));
    expect(Date.now() - started).toBeLessThan(15_000);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  test('a hundred thousand bad orders, in bounded time and with a bounded answer', async () => {
    const content = JSON.stringify(Array.from({ length: 100_000 }, () => ({ customerId: { $ne: null } })));
    const started = Date.now();
    await expectRefused('place', '--file', await orderFile(content));
    expect(Date.now() - started).toBeLessThan(30_000);
  });

  test('text that is no UTF-8', async () => {
    const file = path.join(directory, 'orders.json');
    await writeFile(file, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
    await expectRefused('place', '--file', file);
  });
});

test('as a process: hostile arguments and input end with 2, and never with a stack', async () => {
  const env = { TEMPORAL_ADDRESS: NOBODY };
  for (const { args, input = '' } of [
    { args: ['status', '--', '\u001b[2J\u202e$where'] },
    { args: ['place', '--file', '-'], input: '['.repeat(100_000) },
    { args: ['--profile', '../../etc/passwd', 'stock'] },
  ]) {
    const { exitCode, stdout, stderr } = await runCli(args, { env, input });
    expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 2, stdout: '' });
    expectHarmless(stderr);
  }
});

test.each([
  ['\u001b[2J\u202e:7233', 3],
  [`${'a'.repeat(1_000)}:7233`, 3],
  // No server has such a port.
  [`${'a'.repeat(1_000)}:99999`, 2],
])('the address %j can not be reached, and is shown as something harmless', async (address, expected) => {
  const { exitCode, stderr } = await concord('stock', '--address', address);
  expect(exitCode, stderr).toBe(expected);
  expectHarmless(stderr);
});
