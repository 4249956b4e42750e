import type { WaitFor } from '../../client/concord.ts';
import { type Line, type Order, parseOrder } from '../../domain/order.ts';
import type { Receipt } from '../../domain/stock.ts';
import { type Strategy, strategies } from '../../domain/strategies.ts';
import { createRandom, type Random } from './random.ts';

export const MIXED = 'mixed';
export type StrategyChoice = Strategy | typeof MIXED;

/** One order and everything that its customers do to it. Times are milliseconds; `at` counts from the start. */
export interface PlannedOrder {
  readonly at: number;
  readonly order: Order;
  readonly strategy: Strategy;
  readonly wait: WaitFor;
  /** How long after placing it somebody cancels it. */
  readonly cancelAfter?: number;
  /** How long after placing it a second customer places the same order. */
  readonly duplicateAfter?: number;
  /** The strategy that the second customer asks for: whoever comes first decides. */
  readonly duplicateStrategy: Strategy;
  /** How long after it is accepted somebody places other lines under its id. */
  readonly impostorAfter?: number;
  /** How long after placing it the customer's connection is gone. */
  readonly disconnectAfter?: number;
  /** Whether a customer whose connection is gone asks again. */
  readonly comesBack: boolean;
}

/** A delivery to the warehouse; `twice`: reported two times, under the same id. */
export interface PlannedDelivery {
  readonly at: number;
  readonly receipt: Receipt;
  readonly twice: boolean;
}

/** What the customers and the warehouse will do. */
export interface LoadPlan {
  /** What is on the shelves before the first order. */
  readonly initial: readonly Receipt[];
  readonly orders: readonly PlannedOrder[];
  readonly deliveries: readonly PlannedDelivery[];
  /** When orders come in bulk: a fault just after it meets orders in flight. */
  readonly bursts: readonly number[];
}

/** Hot to cold: each is wanted half as often as the one before it. */
const SKUS = ['CHAOS-HOT', 'CHAOS-WARM', 'CHAOS-MILD', 'CHAOS-COLD'] as const;
/** How much of what is wanted there is: a third of the orders must go away empty-handed. */
const SCARCITY = 0.65;

/** The same seed, number, duration (milliseconds) and strategy make the same plan. */
export function planLoad(options: {
  seed: string;
  orders: number;
  duration: number;
  strategy: StrategyChoice;
}): LoadPlan {
  const { seed, duration, strategy } = options;
  const random = createRandom(seed, 'load');
  const sizes = burstSizes(options.orders, random);
  const bursts = sizes.map((_, index) =>
    Math.floor(((index + random.fraction() * 0.8) / sizes.length) * duration),
  );
  // Drawn apart, so that a seed makes the same orders whatever the strategy.
  const lots = createRandom(seed, 'strategies');
  const orders = sizes.flatMap((size, burst) =>
    Array.from({ length: size }, (_, index) => ({
      ...planOrder(`${burst}-${index}`, bursts[burst] ?? 0, random),
      strategy: strategy === MIXED ? lots.pick(strategies) : strategy,
      duplicateStrategy: strategy === MIXED ? lots.pick(strategies) : strategy,
    })),
  );
  return { ...planSupply(orders, duration, random), orders, bursts };
}

function burstSizes(orders: number, random: Random): number[] {
  const sizes: number[] = [];
  for (let left = orders; left > 0; left -= sizes.at(-1) ?? left)
    sizes.push(Math.min(left, random.whole(2, 8)));
  return sizes;
}

function planOrder(
  name: string,
  burst: number,
  random: Random,
): Omit<PlannedOrder, 'strategy' | 'duplicateStrategy'> {
  const order = parseOrder({
    orderId: `chaos-${name}`,
    customerId: `customer-${random.whole(1, 20)}`,
    lines: planLines(random),
  });
  const disconnects = random.chance(0.15);
  return {
    at: burst + random.whole(0, 300),
    order,
    wait: random.pick(['accepted', 'decided', 'final', 'final']),
    ...(random.chance(0.2) ? { cancelAfter: random.whole(0, 2_500) } : {}),
    ...(random.chance(0.2) ? { duplicateAfter: random.whole(0, 400) } : {}),
    ...(random.chance(0.05) ? { impostorAfter: random.whole(0, 400) } : {}),
    ...(disconnects ? { disconnectAfter: random.whole(20, 1_500) } : {}),
    comesBack: random.chance(0.6),
  };
}

function planLines(random: Random): Line[] {
  if (random.chance(0.02)) return [{ sku: 'CHAOS-UNKNOWN', quantity: 1 }];
  return Array.from({ length: random.whole(1, 3) }, () => ({
    sku: pickSku(random),
    quantity: random.whole(1, 4),
  }));
}

function pickSku(random: Random): string {
  for (const sku of SKUS) if (random.chance(0.5)) return sku;
  return SKUS[0];
}

/** Half of what there will be is there at the start, and the rest comes in small deliveries. */
function planSupply(
  orders: readonly PlannedOrder[],
  duration: number,
  random: Random,
): Pick<LoadPlan, 'initial' | 'deliveries'> {
  const supplies = SKUS.map((sku) => {
    const supply = Math.ceil(wanted(orders, sku) * SCARCITY) + 4;
    const initial = Math.ceil(supply / 2);
    return { sku, initial, later: splitUp(supply - initial, Math.min(10, Math.ceil(orders.length / 20))) };
  });
  return {
    initial: supplies.map(({ sku, initial }) => ({ receiptId: `initial-${sku}`, sku, quantity: initial })),
    deliveries: supplies.flatMap(({ sku, later }) =>
      later.map((quantity, index) => ({
        at: random.whole(0, duration),
        receipt: { receiptId: `delivery-${sku}-${index}`, sku, quantity },
        twice: random.chance(0.4),
      })),
    ),
  };
}

function wanted(orders: readonly PlannedOrder[], sku: string): number {
  const lines = orders.flatMap(({ order }) => order.lines).filter((line) => line.sku === sku);
  return lines.reduce((sum, { quantity }) => sum + quantity, 0);
}

function splitUp(total: number, parts: number): number[] {
  const share = Math.ceil(total / parts);
  return Array.from({ length: parts }, (_, index) => Math.min(share, total - index * share)).filter(
    (quantity) => quantity > 0,
  );
}
