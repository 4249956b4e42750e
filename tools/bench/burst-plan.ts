import { type Line, type Order, parseOrder } from '../../domain/order.ts';

/** Orders, and what is on the shelves for them. */
export interface LoadPlan {
  readonly orders: readonly Order[];
  readonly deliveries: readonly Line[];
  /** How many orders must find a shelf empty. */
  readonly unfulfillable: number;
}

/** Every order wants one unit of a SKU that all want, of which there is enough, and one of its own shelf. */
const HOT = 'LOAD-HOT';
const SHELVES = 20;
/** One in so many finds its shelf empty. */
const UNFULFILLABLE = 20;

/** The same number makes the same plan. */
export function planLoad(count: number): LoadPlan {
  const shelves = Array.from({ length: SHELVES }, (_, index) => `LOAD-${index}`);
  const orders = Array.from({ length: count }, (_, index) =>
    parseOrder({
      orderId: `load-${index}`,
      customerId: `customer-${index % 100}`,
      lines: [HOT, shelves[index % SHELVES] ?? HOT].map((sku) => ({ sku, quantity: 1 })),
    }),
  );
  const supplies = shelves.map((sku) => {
    const wanted = orders.filter(({ lines }) => lines.some((line) => line.sku === sku)).length;
    return { sku, quantity: wanted - Math.floor(wanted / UNFULFILLABLE) };
  });
  const supply = supplies.reduce((sum, { quantity }) => sum + quantity, 0);
  return {
    orders,
    deliveries: [{ sku: HOT, quantity: count }, ...supplies.filter(({ quantity }) => quantity > 0)],
    unfulfillable: count - supply,
  };
}
