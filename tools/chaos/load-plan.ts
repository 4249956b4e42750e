import type { WaitFor } from '../../client/concord.ts';
import { type Line, type Order, parseOrder } from '../../domain/order.ts';
import { type Strategy, strategies } from '../../domain/strategies.ts';
import { sum } from '../measure/statistics.ts';
import { createRandom, type Random } from './random.ts';

export const MIXED = 'mixed';
export type StrategyChoice = Strategy | typeof MIXED;

/** Times are milliseconds; `at` counts from the start. */
export type LoadPlan = ReturnType<typeof planLoad>;
export type PlannedOrder = LoadPlan['orders'][number];
export type PlannedDelivery = LoadPlan['deliveries'][number];

/** Each is wanted half as often as the one before it. */
const SKUS = ['CHAOS-HOT', 'CHAOS-WARM', 'CHAOS-MILD', 'CHAOS-COLD'] as const;
/** The share of what is wanted that there is, so that a third of the orders are refused. */
const SCARCITY = 0.65;

export interface LoadOptions {
  readonly seed: string;
  readonly orders: number;
  readonly duration: number;
  readonly strategy: StrategyChoice;
}

export function planLoad({ seed, orders: count, duration, strategy }: LoadOptions) {
  const random = createRandom(seed, 'load');
  const sizes = burstSizes(count, random);
  // Orders come in bulk: a fault just after it meets orders in flight.
  const burstAt = (index: number) => ((index + random.fraction() * 0.8) / sizes.length) * duration;
  const bursts = sizes.map((_, index) => Math.floor(burstAt(index)));
  // Drawn apart, so that a seed makes the same orders whatever the strategy.
  const lots = createRandom(seed, 'strategies');
  const orders = sizes.flatMap((size, burst) =>
    Array.from({ length: size }, (_, index) => ({
      ...planOrder(`${burst}-${index}`, bursts[burst] ?? 0, random),
      strategy: strategy === MIXED ? lots.pick(strategies) : strategy,
      /** The second customer's; the one who comes first decides. */
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

function planOrder(name: string, burst: number, random: Random) {
  const customerId = `customer-${random.whole(1, 20)}`;
  const order = parseOrder({ orderId: `chaos-${name}`, customerId, lines: planLines(random) });
  const disconnects = random.chance(0.15);
  return {
    at: burst + random.whole(0, 300),
    order,
    wait: random.pick<WaitFor>(['accepted', 'decided', 'final', 'final']),
    /** How long after placing it somebody cancels it, and a second customer places the same order. */
    ...(random.chance(0.2) ? { cancelAfter: random.whole(0, 2_500) } : {}),
    ...(random.chance(0.2) ? { duplicateAfter: random.whole(0, 400) } : {}),
    /** How long after it is accepted somebody places other lines under its id. */
    ...(random.chance(0.05) ? { impostorAfter: random.whole(0, 400) } : {}),
    /** How long after placing it the customer's connection is gone, and whether who lost it asks again. */
    ...(disconnects ? { disconnectAfter: random.whole(20, 1_500) } : {}),
    comesBack: random.chance(0.6),
  };
}

function planLines(random: Random): Line[] {
  if (random.chance(0.02)) return [{ sku: 'CHAOS-UNKNOWN', quantity: 1 }];
  const planLine = () => ({ sku: pickSku(random), quantity: random.whole(1, 4) });
  return Array.from({ length: random.whole(1, 3) }, planLine);
}

function pickSku(random: Random): string {
  for (const sku of SKUS) if (random.chance(0.5)) return sku;
  return SKUS[0];
}

/** Half of the supply is there at the start, and the rest comes in small deliveries. */
function planSupply(orders: readonly { readonly order: Order }[], duration: number, random: Random) {
  const lines = orders.flatMap(({ order }) => order.lines);
  const supplies = SKUS.map((sku) => {
    const wanted = sum(lines.filter((line) => line.sku === sku).map(({ quantity }) => quantity));
    const supply = Math.ceil(wanted * SCARCITY) + 4;
    const initial = Math.ceil(supply / 2);
    return { sku, initial, later: splitUp(supply - initial, Math.min(10, Math.ceil(orders.length / 20))) };
  });
  return {
    initial: supplies.map(({ sku, initial }) => ({ receiptId: `initial-${sku}`, sku, quantity: initial })),
    deliveries: supplies.flatMap(({ sku, later }) =>
      later.map((quantity, index) => ({
        at: random.whole(0, duration),
        receipt: { receiptId: `delivery-${sku}-${index}`, sku, quantity },
        /** Reported two times, under the same id. */
        twice: random.chance(0.4),
      })),
    ),
  };
}

function splitUp(total: number, parts: number): number[] {
  const share = Math.ceil(total / parts);
  const shares = Array.from({ length: parts }, (_, index) => Math.min(share, total - index * share));
  return shares.filter((quantity) => quantity > 0);
}
