import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Document } from 'mongodb';
import { expect } from 'vitest';
import type { Platform } from '../../support/platform.ts';

/** Every run attacks with the same values; what fails can be repeated. */
export const SEED = 20_260_101;

/** As many values of a kind as asked for, always the same ones. */
export function sample<Value>(values: fc.Arbitrary<Value>, count: number): Value[] {
  return fc.sample(values, { seed: SEED, numRuns: count });
}

/** JSON with keys that an object literal can't have. */
const POLLUTION = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';

/** Text that is no identifier: operators, look-alikes, control characters, paths, and far too much. */
export const hostileTexts: readonly string[] = [
  ...['', ' ', '$where', '$ne', '{"$ne":null}', '.', '../../etc/passwd', 'a/b', 'a b', "' || 1==1 || '"],
  ...[
    '\u0000',
    'a\u0000b',
    '\u001b[2J\u001b[31mred',
    '\u009b31m',
    'a\r\nb',
    '\u202eabc',
    '\ufeffa',
    '\ud800',
  ],
  ...['аdmin', 'ａ', 'e\u0301', '🛒', '٣', '__proto__', 'a'.repeat(101), 'a'.repeat(100_000)],
];

/** Values that are no identifier, no quantity, no list of lines and no order. */
export const hostileValues: readonly unknown[] = [
  ...hostileTexts,
  ...[null, true, false, 0, -1, 0.5, 1e308, -0, 2 ** 53],
  ...[{ $ne: null }, { $gt: '' }, { $where: 'sleep(10000)' }, { $regex: '.*' }, { $expr: { $eq: [1, 1] } }],
  ...[[], [[]], [null], [{ $ne: null }], {}, { length: 1 }, { toString: 'x' }, JSON.parse(POLLUTION)],
  ...[Array.from({ length: 100_000 }, () => 0), nested(2_000)],
];

/** Any JSON that is none of what is expected, which `isExpected` tells. */
export function hostileJson(isExpected: (value: unknown) => boolean): fc.Arbitrary<unknown> {
  return fc
    .oneof(fc.constantFrom(...hostileValues), fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: 'binary' }))
    .filter((value) => !isExpected(value));
}

/** Arrays in arrays. */
export function nested(depth: number): unknown {
  return JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
}

/** `value` in place of one field of a valid order, or beside them, or instead of the order. */
export function damaged(field: string, value: unknown): unknown {
  const line = { sku: 'HEALTHY', quantity: 1 };
  const order = { orderId: 'damaged', customerId: 'customer', lines: [line] };
  if (field === 'order') return value;
  if (field === 'line') return { ...order, lines: [line, value] };
  if (field === 'sku' || field === 'quantity') return { ...order, lines: [{ ...line, [field]: value }] };
  return { ...order, [field]: value };
}

/** Where a value can be put; `surplus` is a field that nobody asked for. */
export const fieldsOfOrder = [
  'order',
  'orderId',
  'customerId',
  'lines',
  'line',
  'sku',
  'quantity',
  'surplus',
];

/** True where `value` would be right in that place after all. */
export function fits(field: string, value: unknown): boolean {
  if (field === 'quantity') return Number.isSafeInteger(value) && Number(value) > 0;
  if (['orderId', 'customerId', 'sku'].includes(field)) return isIdentifier(value);
  return false;
}

export function isIdentifier(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z0-9][\w.:@+-]{0,99}$/i.test(value);
}

/** Everything that both databases hold, but for what honest customers left there. */
export async function everything({
  databases,
}: Pick<Platform, 'databases'>): Promise<Record<string, Document[]>> {
  const contents: Record<string, Document[]> = {};
  for (const database of Object.values(databases)) {
    for (const { name } of await database.listCollections().toArray()) {
      const found = await database.collection(name).find().sort({ _id: 1 }).toArray();
      contents[name] = found.filter((document) => !isHonest(document));
    }
  }
  return contents;
}

function isHonest({ _id, customerId, sku }: Document): boolean {
  return customerId === HONEST || [_id, sku].some((id) => String(id).startsWith(`${HONEST}-`));
}

const HONEST = 'honest';

/** Both workers still do what they are for. */
export async function expectAlive({ concord }: Platform): Promise<void> {
  const sku = `${HONEST}-${randomUUID()}`;
  await concord.restock(sku, 2);
  const placed = await concord.place({ customerId: HONEST, lines: [{ sku, quantity: 1 }] });
  expect(placed.status).toBe('confirmed');
  expect(await concord.stock([sku])).toMatchObject([{ available: 1, sold: 1, reserved: 0 }]);
  expect(Object.hasOwn(Object.prototype, 'polluted'), 'no prototype is polluted').toBe(false);
}

/** A text for people is short, and holds neither a stack nor anything that a terminal would obey. */
export function expectPresentable(text: string): void {
  expect(text.length, 'a bounded message').toBeLessThan(5_000);
  expect(text, 'no stack').not.toMatch(/\n\s+at /);
}
