import { setTimeout as delay } from 'node:timers/promises';
import { BSON, type Collection } from 'mongodb';
import type { StockDocument } from '../../activities/inventory/documents.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { checkStock } from '../measure/checker.ts';
import { medianTimes } from '../measure/timing.ts';
import type { Report } from '../servers/report.ts';
import { createParticipants, type Participants } from './direct-participants.ts';
import type { Options } from './options.ts';
import type { Measurement } from './tool.ts';
import type { Stage } from './tool-stage.ts';

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

export interface GrowthResult extends Measurement {
  readonly machine: string;
  readonly first: Look;
  readonly last: Look;
}

const HOT = 'GROWTH-HOT';
/** So many prepares and commits are timed on each SKU. */
const REPETITIONS = 300;
/** How often the document is read while orders are driven. Milliseconds. */
const LOOK_EVERY = 200;

/** Drives orders over one SKU, and looks at it twice. */
export async function measureGrowth(
  stage: Stage,
  { orders }: Options,
  report: Report,
): Promise<GrowthResult> {
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
  const [hotTime, freshTime] = await medianTimes(REPETITIONS, [
    () => participants.sell(HOT),
    () => participants.sell(fresh),
  ]);
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
  const ended = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      largest = Math.max(largest, sizeOf(await stock.findOne({ _id: HOT })));
      await delay(LOOK_EVERY);
    }
  })();
  const tenth = Math.ceil((orders - from) / 10);
  for (let next = from; next < orders; next += tenth) {
    await drive(HOT, next, Math.min(next + tenth, orders));
    report.note(`${Math.min(next + tenth, orders)} orders; at most ${largest} bytes so far`);
  }
  ended.abort();
  await watching;
  step.done();
  return largest;
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
  const sold = stock.reduce((sum, document) => sum + document.sold, 0);
  const committed = await collections.reservations.countDocuments({ decision: 'commit' });
  const held = stock.reduce((sum, { holds }) => sum + holds.length, 0);
  const sizes = ['stockBytes', 'orderBytes', 'reservationBytes', 'historyBytes', 'historyEvents'] as const;
  return [
    ...checkStock(stock).map(({ invariant, subject, details }) => `${invariant}: ${subject}: ${details}`),
    ...(sold === committed ? [] : [`${sold} units are sold, and ${committed} orders committed`]),
    ...(held === 0 ? [] : [`${held} holds are left`]),
    ...sizes
      .filter((size) => last[size] > first[size] * TOLERANCE)
      .map((size) => `${size} has grown from ${first[size]} to ${last[size]}`),
  ];
}
