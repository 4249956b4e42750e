import type { Check } from '../../client/cli/doctor/check.ts';
import type { FinalStatus, Order } from '../../domain/order.ts';
import type { OrderRecord } from '../../domain/order-record.ts';
import type { StockLevel } from '../../domain/stock.ts';
import type { Strategy } from '../../domain/strategies.ts';
import type { StuckStep } from '../../domain/stuck-step.ts';

export interface Sent {
  readonly order: Order;
  readonly strategy: Strategy;
  readonly expected: FinalStatus;
  status?: FinalStatus;
  /** Why he was told nothing. */
  error?: string;
}

export interface Shown {
  readonly checks: readonly Check[];
  readonly orders: readonly Pick<OrderRecord, 'orderId' | 'status' | 'strategy'>[];
  readonly levels: readonly StockLevel[];
  readonly stuck: readonly Pick<StuckStep, 'orderId' | 'problem' | 'step'>[];
}

/** Compares what the command line shows with what customers were told. Nothing may be in flight. */
export function problemsIn({ checks, orders, levels, stuck }: Shown, sent: readonly Sent[]): string[] {
  const listed = new Map(orders.map((order) => [order.orderId, `${order.status} by ${order.strategy}`]));
  const known = new Set(sent.map(({ order }) => order.orderId));
  return [
    ...checks.filter(({ status }) => status !== 'ok').map(({ name, found }) => `doctor: ${name}: ${found}`),
    ...sent.flatMap((each) => orderProblems(each, listed.get(each.order.orderId))),
    ...[...listed.keys()].filter((id) => !known.has(id)).map((id) => `${id}: listed, but never placed`),
    ...levels.flatMap((level) => stockProblem(level, sent)),
    ...stuck.map(({ orderId, problem, step }) => `${orderId}: stuck: ${problem}, ${step}`),
  ];
}

function orderProblems({ order, strategy, expected, status, error }: Sent, listed = 'nothing'): string[] {
  const { orderId } = order;
  if (status === undefined) return [`${orderId}: no answer: ${error ?? 'given up'}`];
  const told = `${status} by ${strategy}`;
  return [
    ...(status === expected ? [] : [`${orderId}: told ${status}, where ${expected} is right`]),
    ...(listed === told ? [] : [`${orderId}: told ${told}, listed as ${listed}`]),
  ];
}

function stockProblem(level: StockLevel, sent: readonly Sent[]): string[] {
  const { sku, available, reserved, sold, received, damaged } = level;
  const confirmed = sent.filter(({ status }) => status === 'confirmed').flatMap(({ order }) => order.lines);
  const wanted = confirmed
    .filter((line) => line.sku === sku)
    .reduce((sum, { quantity }) => sum + quantity, 0);
  const addsUp = available + sold === received && available >= 0 && reserved === 0;
  if (addsUp && sold === wanted && damaged === undefined) return [];
  const counts = `available ${available}, reserved ${reserved}, sold ${sold}, received ${received}`;
  return [`${sku}: ${damaged ?? counts}; confirmed orders have ${wanted}`];
}
