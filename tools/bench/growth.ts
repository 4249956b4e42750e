import { setTimeout as delay } from 'node:timers/promises';
import { BSON, type Collection } from 'mongodb';
import type { StockDocument } from '../../activities/inventory/documents.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { checkStock, problemsOf } from '../measure/checker.ts';
import { keepLooking } from '../measure/looking.ts';
import type { Stage } from '../measure/stage.ts';
import { median, sum } from '../measure/statistics.ts';
import { tableOf, verdictOf } from '../measure/table.ts';
import type { Report } from '../servers/report.ts';
import { createParticipants, type Participants } from './direct-participants.ts';

/** After how many orders the first look is taken. */
export const FIRST_LOOK = 200;

/** How large and how slow things are after some orders. Sizes are bytes, times milliseconds. */
export interface Look {
  readonly orders: number;
  /** The document of the SKU that all orders want, once its tombstones have had their time. */
  readonly stockBytes: number;
  /** The largest that this document was seen since the last look. */
  readonly largestStockBytes: number;
  /** One more order, placed through a workflow: its documents, and its history. */
  readonly orderBytes: number;
  readonly reservationBytes: number;
  readonly historyBytes: number;
  readonly historyEvents: number;
  /** The median of one prepare and commit, on the SKU that all want and on one that is new. */
  readonly hotTime: number;
  readonly freshTime: number;
}

export interface GrowthResult {
  readonly machine: string;
  readonly problems: readonly string[];
  readonly first: Look;
  readonly last: Look;
}

const HOT = 'GROWTH-HOT';
/** So many prepares and commits are timed on each SKU. */
const REPETITIONS = 300;
const WARM_UP = 20;
/** How often the document is read while orders are driven. Milliseconds. */
const LOOK_EVERY = 200;

/** Drives orders over one SKU, and looks at it twice. */
export async function measureGrowth(stage: Stage, orders: number, report: Report): Promise<GrowthResult> {
  const participants = createParticipants(stage);
  await participants.receive(HOT, 10 * orders + 100_000);
  const first = await lookAfter(0, FIRST_LOOK, participants, stage, report);
  const last = await lookAfter(FIRST_LOOK, orders, participants, stage, report);
  return { machine: stage.machine, first, last, problems: await problemsIn(participants, first, last) };
}

async function lookAfter(
  from: number,
  orders: number,
  participants: Participants,
  stage: Stage,
  report: Report,
): Promise<Look> {
  const { stock } = participants.collections;
  const largestStockBytes = await drive(from, orders, participants, report);
  const step = report.step(`Looking at ${HOT} after ${orders} orders`);
  await untilTombstonesArePast(stock);
  const fresh = `GROWTH-FRESH-${orders}`;
  await participants.receive(fresh, 100_000);
  const [hotTime, freshTime] = await medianTimes([HOT, fresh], participants);
  const look = {
    orders,
    stockBytes: sizeOf(await stock.findOne({ _id: HOT })),
    largestStockBytes,
    ...(await placeOne(orders, participants, stage)),
    hotTime,
    freshTime,
  };
  step.done();
  return look;
}

async function drive(
  from: number,
  orders: number,
  { drive, collections: { stock } }: Participants,
  report: Report,
): Promise<number> {
  const step = report.step(`Driving orders ${from} to ${orders} through the participants`);
  let largest = 0;
  const stop = keepLooking(LOOK_EVERY, async () => {
    largest = Math.max(largest, sizeOf(await stock.findOne({ _id: HOT })));
  });
  const tenth = Math.ceil((orders - from) / 10);
  for (let next = from; next < orders; next += tenth) {
    await drive(HOT, next, Math.min(next + tenth, orders));
    report.note(`${Math.min(next + tenth, orders)} orders; at most ${largest} bytes so far`);
  }
  await stop();
  step.done();
  return largest;
}

/** Of one prepare and commit on each SKU, in turns, so that whatever else the machine does hits both alike. */
async function medianTimes(
  [hot, fresh]: readonly [string, string],
  { sell }: Participants,
): Promise<[number, number]> {
  const timeOf = async (sku: string) => {
    const began = performance.now();
    await sell(sku);
    return performance.now() - began;
  };
  const times: [number, number][] = [];
  for (let turn = 0; turn < WARM_UP + REPETITIONS; turn += 1) {
    times.push([await timeOf(hot), await timeOf(fresh)]);
  }
  const warm = times.slice(WARM_UP);
  return [median(warm.map(([first]) => first)), median(warm.map(([, second]) => second))];
}

/** The next write drops them then, and the first of those that are timed is such a one. */
async function untilTombstonesArePast(stock: Collection<StockDocument>): Promise<void> {
  const found = await stock.findOne({ _id: HOT });
  const last = Math.max(0, ...(found?.settled ?? []).map(({ until }) => until?.getTime() ?? 0));
  await delay(Math.max(0, last - Date.now()) + MARGIN);
}

// For the difference between the database's clock and ours. Milliseconds.
const MARGIN = 1_000;

/** What an order leaves behind that goes all the way. */
async function placeOne(orders: number, { collections }: Participants, { concord, client }: Stage) {
  // As long an id each time.
  const orderId = `growth-whole-${String(orders).padStart(8, '0')}`;
  await concord.place({ orderId, customerId: 'customer', lines: [{ sku: HOT, quantity: 1 }] });
  const { historyLength, historySize } = await client.workflow.getHandle(workflowIdOf(orderId)).describe();
  return {
    orderBytes: sizeOf(await collections.orders.findOne({ _id: orderId })),
    reservationBytes: sizeOf(await collections.reservations.findOne({ _id: orderId })),
    historyEvents: historyLength,
    historyBytes: historySize ?? 0,
  };
}

function sizeOf(document: object | null): number {
  return document === null ? 0 : BSON.calculateObjectSize(document);
}

/**
 * A number may have got longer, and an order may take a workflow task more; what grew with the orders would be far above.
 */
const TOLERANCE = 1.5;

async function problemsIn({ collections }: Participants, first: Look, last: Look): Promise<string[]> {
  const stock = await collections.stock.find().toArray();
  const sold = sum(stock.map((document) => document.sold));
  const committed = await collections.reservations.countDocuments({ decision: 'commit' });
  const held = sum(stock.map(({ holds }) => holds.length));
  const sizes = ['stockBytes', 'orderBytes', 'reservationBytes', 'historyBytes', 'historyEvents'] as const;
  return [
    ...problemsOf(checkStock(stock)),
    ...(sold === committed ? [] : [`${sold} units are sold, and ${committed} orders committed`]),
    ...(held === 0 ? [] : [`${held} holds are left`]),
    ...sizes
      .filter((size) => last[size] > first[size] * TOLERANCE)
      .map((size) => `${size} has grown from ${first[size]} to ${last[size]}`),
  ];
}

/** The result as people read it. */
export function renderGrowth({ first, last, machine, problems }: GrowthResult): string {
  const row = (name: string, figure: (look: Look) => number, digits = 0) => [
    name,
    figure(first).toFixed(digits),
    figure(last).toFixed(digits),
    (figure(last) / figure(first)).toFixed(2),
  ];
  return [
    'One SKU that every order wants. All orders but two went through the participants straight, without a workflow:',
    'one in ten was rolled back, and one in twenty was rolled back while its prepare still ran.',
    `${machine}\n`,
    tableOf(
      ['', `after ${first.orders}`, `after ${last.orders}`, 'ratio'],
      [
        row('stock document, bytes', (look) => look.stockBytes),
        row('  the largest seen meanwhile', (look) => look.largestStockBytes),
        row('order document, bytes', (look) => look.orderBytes),
        row('reservation document, bytes', (look) => look.reservationBytes),
        row('history of an order, bytes', (look) => look.historyBytes),
        row('history of an order, events', (look) => look.historyEvents),
        row('prepare + commit on it, ms (median)', (look) => look.hotTime, 2),
        row('prepare + commit on a new SKU, ms', (look) => look.freshTime, 2),
        row('  the one over the other', (look) => look.hotTime / look.freshTime, 2),
      ],
    ),
    `\n${verdictOf(problems)}`,
  ].join('\n');
}
