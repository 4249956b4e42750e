import { expect, test } from 'vitest';
import { type Strategy, strategies } from '../../../domain/strategies.ts';
import type { Fault } from '../../../tools/chaos/faults.ts';
import { planLoad } from '../../../tools/chaos/load-plan.ts';
import { composeReport, type RunReport, renderReport } from '../../../tools/chaos/run-report.ts';
import type { Violation } from '../../../tools/measure/checker.ts';
import type { State } from '../../../tools/measure/state.ts';

// One order that is in flight from 12:00:10 to 12:00:20.

const noon = Date.parse('2026-01-01T12:00:00Z');
const at = (seconds: number) => noon + seconds * 1000;

test('a fault meets an order that is in flight while it lasts', () => {
  const { faults, verdict } = reportOf([
    fault('link-cut', 5, 11),
    fault('link-cut', 15, 15),
    fault('link-cut', 20.5, 30),
  ]);
  expect(faults).toEqual([{ kind: 'link-cut', count: 3, hits: 2, inFlight: 2, mostInFlight: 1 }]);
  expect(verdict).toBe('passed');
});

test('a run whose faults meet no order says that it proved nothing', () => {
  const report = reportOf([fault('temporal-kill', 0, 9), fault('temporal-kill', 21, 25)]);
  expect(report.verdict).toBe('proved nothing');
  expect(renderReport(report)).toContain('FAILED: no fault met an order in flight');
});

test('a run without faults says so, too', () => {
  expect(reportOf([]).verdict).toBe('proved nothing');
});

test('a fault of one activity concerns its own order alone, and a delivery is none', () => {
  const { faults } = reportOf([
    { ...fault('answer-lost', 15, 15), workflowId: 'order/other' },
    { ...fault('answer-lost', 15, 15), workflowId: 'restock/delivery' },
  ]);
  expect(faults).toMatchObject([{ count: 2, hits: 1, inFlight: 1 }]);
});

test('a fault of a mailbox concerns the orders whose messages or events it carries', () => {
  const hit = (workflowId: string, strategy?: Strategy) =>
    reportOf([{ ...fault('late-copy', 15, 15), workflowId }], [], strategy).faults[0]?.hits;
  expect(strategies.map((strategy) => hit('mailbox/1', strategy))).toEqual([0, 1, 1]);
  expect(hit('resolve/o')).toBe(0);
});

test('outcomes are told by strategy, where they are mixed', () => {
  const report = reportOf([]);
  expect(report.outcomesBy['message-queue']).toMatchObject({ confirmed: 1 });
  expect(report.outcomesBy['two-phase']).toMatchObject({ confirmed: 0 });
  const lines = renderReport(report).split('\n');
  expect(
    lines.filter((line) => /outcome|confirmed/.test(line)).map((line) => line.trim().split(/ +/)),
  ).toEqual([
    ['outcome', 'orders', 'two-phase', 'message-queue', 'event-driven'],
    ['confirmed', '1', '0', '1', '0'],
  ]);
});

test('a violation fails the run, and is shown with the file that tells its story', () => {
  const violation: Violation = { invariant: 'stock-at-rest', subject: 'SKU', details: 'reserved 1' };
  const report = reportOf([fault('worker-kill', 15, 15)], [violation]);
  expect(report.verdict).toBe('violated');
  const text = renderReport(report);
  expect(text).toContain('VIOLATED stock-at-rest (nothing is reserved and nothing is held): SKU: reserved 1');
  expect(text).toContain('The story of SKU: /tmp/SKU.json');
});

test('a sweep of the reaper meets an order that is older than its limit, and in flight', () => {
  const report = reportOf([]);
  expect(report.reaper).toEqual({ sweeps: 3, metOldOrders: 1, settled: 0 });
  expect(renderReport(report)).toContain('The reaper swept 3 times, 1 of them while orders');
});

function sweep(second: number): State['sweeps'][number] {
  return { startedAt: new Date(at(second)), closedAt: new Date(at(second)) };
}

function fault(kind: string, from: number, until: number): Fault {
  return { kind, target: 'it', at: at(from), until: at(until) };
}

function reportOf(
  faults: readonly Fault[],
  violations: readonly Violation[] = [],
  strategy: Strategy = 'message-queue',
): RunReport {
  const order = { orderId: 'o', customerId: 'c', lines: [{ sku: 'SKU', quantity: 1 }] };
  const state: State = {
    ...{ stock: [], reservations: [], receipts: [], orders: [], deliveries: [], resolutions: [] },
    ...{ events: [], mailboxes: [] },
    sweeps: [sweep(11), sweep(13), sweep(21)],
    executions: [
      {
        ...{ orderId: 'o', workflowId: 'order/o', runId: 'r', status: 'COMPLETED', order },
        strategy,
        startedAt: new Date(at(10)),
        closedAt: new Date(at(20)),
        outcome: { orderId: 'o', status: 'confirmed' },
      },
    ],
  };
  const answers = { told: [], wrong: [], surprises: {} };
  return composeReport({
    planned: { orders: 1, minutes: 1, strategy: 'mixed' },
    seed: 's',
    load: planLoad({ seed: 's', orders: 1, duration: 1000, strategy: 'mixed' }),
    state,
    seen: { answers, faults, violations: [], stockReads: 1, seconds: 60 },
    violations,
    stories: violations.map(({ subject }) => ({ subject, file: `/tmp/${subject}.json` })),
  });
}
