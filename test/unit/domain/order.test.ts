import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConcordError } from '../../../domain/errors.ts';
import { parseOrder, sameContent } from '../../../domain/order.ts';
import { parseCancelRequest, parsePlaceOrderInput } from '../../../domain/place-order.ts';

const order = { orderId: 'o-1', customerId: 'c', lines: [{ sku: 'A', quantity: 1 }] };

function problemsOf(check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof ConcordError) || error.code !== 'InvalidInput') throw error;
    return (error as ConcordError<'InvalidInput'>).details.problems.map(({ field }) => field);
  }
}

describe('parseOrder', () => {
  test('merges lines of the same SKU and sorts them, so that equal orders are equal', () => {
    const lines = [
      { sku: 'B', quantity: 1 },
      { sku: 'A', quantity: 2 },
      { sku: 'B', quantity: 3 },
    ];
    expect(parseOrder({ ...order, lines }).lines).toEqual([
      { sku: 'A', quantity: 2 },
      { sku: 'B', quantity: 4 },
    ]);
    fc.assert(
      fc.property(fc.shuffledSubarray(lines, { minLength: 3 }), (shuffled) => {
        expect(sameContent(parseOrder({ ...order, lines }), parseOrder({ ...order, lines: shuffled }))).toBe(
          true,
        );
      }),
    );
  });

  const line = { sku: 'A', quantity: 1 };
  test.each([
    ['orderId', { ...order, orderId: '' }],
    ['orderId', { ...order, orderId: 'a/b' }],
    ['orderId', { ...order, orderId: '$where' }],
    ['orderId', { ...order, orderId: 'оrder' }], // a Cyrillic о
    ['orderId', { ...order, orderId: 'x'.repeat(101) }],
    ['orderId', { ...order, orderId: { $ne: null } }],
    ['customerId', { ...order, customerId: undefined }],
    ['lines', { ...order, lines: [] }],
    ['lines', { ...order, lines: 'A:1' }],
    [
      'lines',
      { ...order, lines: Array.from({ length: 101 }, (_, index) => ({ sku: `S${index}`, quantity: 1 })) },
    ],
    ['lines[0].quantity', { ...order, lines: [{ sku: 'A', quantity: 0 }] }],
    ['lines[0].quantity', { ...order, lines: [{ sku: 'A', quantity: -1 }] }],
    ['lines[0].quantity', { ...order, lines: [{ sku: 'A', quantity: 1.5 }] }],
    ['lines[0].quantity', { ...order, lines: [{ sku: 'A', quantity: Number.NaN }] }],
    ['lines[0].quantity', { ...order, lines: [{ sku: 'A', quantity: '1' }] }],
    ['lines[1].sku', { ...order, lines: [line, { sku: ['A'], quantity: 1 }] }],
    ['lines[0]', { ...order, lines: [{ sku: 'A', quantity: 1, price: 0 }] }],
    ['lines: quantity of A', { ...order, lines: [{ sku: 'A', quantity: Number.MAX_SAFE_INTEGER }, line] }],
    ['input', null],
    ['input', { ...order, extra: true }],
    [
      'input',
      JSON.parse('{"orderId":"o","customerId":"c","lines":[{"sku":"A","quantity":1}],"__proto__":{"x":1}}'),
    ],
  ])('names the field %s of a bad order', (field, bad) => {
    expect(problemsOf(() => parseOrder(bad))).toContain(field);
  });

  test('takes dots and at signs in ids as they are', () => {
    expect(parseOrder({ ...order, customerId: 'ada.l@example.org' }).customerId).toBe('ada.l@example.org');
  });

  test('answers a hostile input of any size with a small error', () => {
    const lines = Array.from({ length: 100 }, () => ({ sku: '$'.repeat(10_000), quantity: -1 }));
    try {
      parseOrder({ ...order, lines });
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(5_000);
    }
  });
});

describe('parsePlaceOrderInput', () => {
  test('has ten minutes as prepare budget, and limits', () => {
    expect(parsePlaceOrderInput({ order }).prepareBudget).toBe(600_000);
    for (const prepareBudget of [0, 999, 1.5, Number.POSITIVE_INFINITY, 31 * 86_400_000, '600000']) {
      expect(problemsOf(() => parsePlaceOrderInput({ order, prepareBudget }))).toEqual(['prepareBudget']);
    }
  });
});

describe('parseCancelRequest', () => {
  test('bounds the reason', () => {
    expect(parseCancelRequest({ reason: 'why' })).toEqual({ reason: 'why' });
    for (const reason of ['', 'x'.repeat(201), 7, { $ne: 1 }, undefined]) {
      expect(problemsOf(() => parseCancelRequest({ reason }))).toEqual(['reason']);
    }
  });
});
