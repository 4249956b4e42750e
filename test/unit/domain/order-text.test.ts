import { defaultPayloadConverter } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { currentDetails, waitingDetails } from '../../../domain/current-details.ts';
import { ConcordError } from '../../../domain/errors.ts';
import { literal } from '../../../domain/markdown.ts';
import { orderDetails, orderMemo, orderSummary, resolutionSummary } from '../../../domain/order-text.ts';
import { indexedSkus } from '../../../domain/search-attributes.ts';
import { parseOwnStuckSteps } from '../../../domain/stuck-step.ts';
import { hostileTexts, hostileValues } from '../../system/attack/hostile.ts';

const order = {
  orderId: '4711',
  customerId: 'alice',
  lines: [
    { sku: 'A', quantity: 2 },
    { sku: 'B', quantity: 1 },
  ],
};

function orderOf(lines: number, length: number) {
  const id = (index: number) => `${index}`.padStart(length, 'x').slice(-length);
  const quantity = Number.MAX_SAFE_INTEGER;
  return {
    ...{ orderId: id(1), customerId: id(2) },
    lines: Array.from({ length: lines }, (_, index) => ({ sku: id(index), quantity })),
  };
}

/** As Temporal counts. */
function sizeOf(value: unknown): number {
  return defaultPayloadConverter.toPayload(value)?.data?.length ?? 0;
}

describe('what an order is, in words', () => {
  test('says who wants how much of what', () => {
    expect(orderSummary(order)).toBe('2 × `A`, 1 × `B` for `alice`');
    expect(orderDetails(order, 'two-phase')).toBe(
      'Order `4711` of customer `alice`, by strategy `two-phase`\n\n- 2 × `A`\n- 1 × `B`',
    );
    expect(orderDetails(order, 'event-driven')).toMatch(
      /\n\nIts events: workflow `mailbox\/\d`, or `concord events --order 4711`$/,
    );
    expect(orderMemo(order)).toEqual({ customer: 'alice', lines: '2 × A, 1 × B' });
  });

  test('says how much it leaves out', () => {
    expect(orderSummary(orderOf(100, 100))).toMatch(/ and 99 more for `x+2`$/);
    expect(indexedSkus(order.lines)).toEqual(['A', 'B']);
    expect(indexedSkus(orderOf(100, 100).lines)).toHaveLength(19);
  });

  test('fits into what Temporal takes, whatever the order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 3, max: 100 }), (lines, length) => {
        const large = orderOf(lines, length);
        expect(sizeOf(orderSummary(large))).toBeLessThanOrEqual(400);
        expect(sizeOf(resolutionSummary(large))).toBeLessThanOrEqual(400);
        expect(sizeOf(orderDetails(large, 'message-queue'))).toBeLessThanOrEqual(20_000);
        expect(sizeOf(indexedSkus(large.lines))).toBeLessThanOrEqual(2_048);
        expect(sizeOf(orderMemo(large))).toBeLessThanOrEqual(600);
      }),
    );
  });
});

describe('where an order stands, in words', () => {
  const trouble = {
    ...{ step: 'inventory.commit', attempts: 6, lastError: 'the database is down' },
    ...{ since: '2026-01-31T13:05:07.589Z', nextAttemptAt: '2026-01-31T13:06:07.589Z' },
  };

  test('says the phase, each vote, the decision, and what is tried again and why', () => {
    const progress = {
      ...order,
      phase: 'committing',
      participants: { orders: 'committed', inventory: 'committing' },
      decision: { orderId: '4711', status: 'confirmed' },
    } as const;
    expect(currentDetails(progress, { stuckSteps: [trouble] })).toBe(
      [
        '**Decided: telling the services to commit**',
        '',
        'Decision: **confirmed**',
        '',
        '**Needs attention**, more in `concord status 4711`',
        '',
        '- `inventory.commit` has failed 6 times, since 2026-01-31T13:05:07.589Z',
        '  - `the database is down`',
        '  - next attempt at 2026-01-31T13:06:07.589Z',
        ...['', '**Services**', ''],
        '- inventory: voted **yes**, is being told to commit',
        '- orders: voted **yes**, has committed',
        ...['', '\u200b'],
      ].join('\n'),
    );
  });

  test('says why it was refused, and what to do where it has stopped', () => {
    const reason = { code: 'Cancelled', message: 'found it *cheaper*' };
    const progress = {
      ...order,
      phase: 'rolling-back',
      participants: { orders: 'rolling-back', inventory: 'refused' },
      decision: { orderId: '4711', status: 'cancelled', reason },
    } as const;
    const text = currentDetails(progress, { stuckSteps: [], failure: 'refused to settle' });
    expect(text).toContain('Decision: **cancelled**, `found it *cheaper*`');
    expect(text).toContain('- inventory: has **not** voted yes');
    expect(text).toMatch(/^\*\*Stopped on an error\*\*[\s\S]*`refused to settle`[\s\S]*`concord resolve`/);
  });

  const sellStock = { type: 'SellStock', receiver: 'inventory', handler: 'inventory.handle' };

  test('says what waits in a mailbox: those that have failed most often', () => {
    const item = { ...sellStock, orderId: '4711', since: trouble.since, lastError: 'down' };
    const waiting = [1, 2, 3, 4, 5].map((failures) => ({ ...item, failures }));
    const text = waitingDetails(1, [...waiting, { ...item, failures: 0 }]);
    expect(text).toMatch(/^Being handled: 1\. Waiting: 5\. Tried again: 5\.\n\nMore in `concord stuck`\n/);
    const shown = [...text.matchAll(/`SellStock of 4711 to inventory` has failed (\d) times/g)].map(
      ([, times]) => times,
    );
    expect(shown).toEqual(['5', '4', '3']);
    expect(text).toMatch(/and 2 more\n\n\u200b$/);
    expect(waitingDetails(0, [])).toMatch(/^Being handled: 0\. Waiting: 0\. Tried again: 0\.\n\n.$/);
  });

  test('fits on a screen, whatever has happened: what matters most first, and how much is left out', () => {
    const long = 'x'.repeat(500);
    const id = 'i'.repeat(100);
    const states = ['committed', 'committing'] as const;
    const progress = {
      ...order,
      ...({ orderId: id, phase: 'rolling-back' } as const),
      decision: { orderId: id, status: 'cancelled', reason: { code: 'Cancelled', message: long } },
      participants: Object.fromEntries(
        Array.from({ length: 20 }, (_, index) => [`service${index}`, states[index % 2] ?? 'committed']),
      ),
    } as const;
    const stuckSteps = Array.from({ length: 10 }, (_, attempts) => ({
      ...{ ...trouble, attempts, step: long, lastError: long },
    }));
    for (const text of [
      currentDetails(progress, { stuckSteps, failure: long }),
      waitingDetails(
        1_000,
        stuckSteps.map((item) => ({ ...item, ...sellStock, orderId: id, failures: item.attempts })),
      ),
    ]) {
      const screenLines = text.split('\n').reduce((sum, line) => sum + Math.ceil((line.length + 1) / 70), 0);
      expect(screenLines).toBeLessThanOrEqual(50);
    }
    const text = currentDetails(progress, { stuckSteps });
    expect(text).toContain(`more in \`concord status ${id}\``);
    expect([...text.matchAll(/has failed (\d) times/g)].map(([, times]) => times)).toEqual(['9', '8', '7']);
    expect(text).toMatch(
      /- and 7 more\n\n\*\*Services\*\*\n\n(- service\d+: .* commit\n){6}- and 14 more\n\n.$/,
    );
    expect(text.indexOf('Needs attention')).toBeLessThan(text.indexOf('service1'));
  });
});

describe('hostile text', () => {
  const markup = [
    '<img src=x onerror=alert(1)>',
    '[a](javascript:alert(1))',
    '**b**',
    '`',
    '``` x',
    '# h\n- i',
  ];

  test.each([...markup, ...hostileTexts].map((text) => [text]))('is one short code span: %j', (text) => {
    const shown = literal(text);
    expect(shown).toMatch(/^(`[^`\n]+`|\(nothing\))$/);
    expect(shown).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
    expect(shown.length).toBeLessThan(310);
    expect(shown).not.toMatch(/\p{Cs}/u);
  });

  test('is no trouble', () => {
    const trouble = { step: 'a.b', attempts: 1, lastError: 'x', since: '2026-01-31T13:05:07.589Z' };
    expect(parseOwnStuckSteps([{ ...trouble, lastError: 'x'.repeat(100_000) }])[0]?.lastError).toHaveLength(
      500,
    );
    const wrong = [
      ...hostileValues,
      Array.from({ length: 11 }, () => trouble),
      ...['step', 'attempts', 'since', 'nextAttemptAt', 'surplus'].flatMap((field) =>
        [null, {}, '', 'x'.repeat(201), -1, 0.5].map((value) => [{ ...trouble, [field]: value }]),
      ),
    ];
    for (const value of wrong) expect(() => parseOwnStuckSteps(value)).toThrow(ConcordError);
  });
});
