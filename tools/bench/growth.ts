import { setTimeout as delay } from 'node:timers/promises';
import { BSON } from 'mongodb';
import { workflowIdOf } from '../../domain/place-order.ts';
import { checkStock, problemsOf } from '../measure/checker.ts';
import { keepLooking } from '../measure/quiet.ts';
import type { Stage } from '../measure/stage.ts';
import { median, sum } from '../measure/statistics.ts';
import { placeOf, tableOf, verdictOf } from '../measure/table.ts';
import type { Report } from '../servers/report.ts';
import { createParticipants, type Participants } from './direct-participants.ts';

export const FIRST_LOOK = 200;

const HOT = 'GROWTH-HOT';
const REPETITIONS = 300;
const WARM_UP = 20;
// Milliseconds.
const LOOK_EVERY = 200;
// The database's clock may differ from ours. Milliseconds.
const CLOCK_MARGIN = 1_000;
/** A number may get longer, and an order may take one more workflow task; growth with the orders would be far above. */
const TOLERANCE = 1.5;

export async function measureGrowth(stage: Stage, orders: number, report: Report) {
  const participants = createParticipants(stage);
  await participants.receive(HOT, 10 * orders + 100_000);
  const look = async (from: number, until: number) => {
    const largestStockBytes = await drive(from, until, participants, report);
    const step = report.step(`Looking at ${HOT} after ${until} orders`);
    const seen = await lookAfter(until, participants, stage);
    step.done();
    return { ...seen, largestStockBytes };
  };
  const first = await look(0, FIRST_LOOK);
  const last = await look(FIRST_LOOK, orders);
  const { machine, servers } = stage;
  return { machine, servers, first, last, problems: await problemsIn(participants, first, last) };
}

type Look = Awaited<ReturnType<typeof lookAfter>> & { readonly largestStockBytes: number };

/** Returns the largest size of the SKU's document meanwhile, in bytes. */
async function drive(from: number, orders: number, participants: Participants, report: Report) {
  const { stock } = participants.collections;
  const step = report.step(`Driving orders ${from} to ${orders} through the participants`);
  let largest = 0;
  const stop = keepLooking(LOOK_EVERY, async () => {
    largest = Math.max(largest, sizeOf(await stock.findOne({ _id: HOT })));
  });
  const tenth = Math.ceil((orders - from) / 10);
  for (let next = from; next < orders; next += tenth) {
    const end = Math.min(next + tenth, orders);
    await participants.drive(HOT, next, end);
    report.note(`${end} orders; at most ${largest} bytes so far`);
  }
  await stop();
  step.done();
  return largest;
}

/** Sizes are bytes, times milliseconds. */
async function lookAfter(orders: number, participants: Participants, { concord, client }: Stage) {
  const { collections, receive } = participants;
  await untilTombstonesArePast(participants);
  const fresh = `GROWTH-FRESH-${orders}`;
  await receive(fresh, 100_000);
  const [hotTime, freshTime] = await medianTimes([HOT, fresh], participants);
  const stockBytes = sizeOf(await collections.stock.findOne({ _id: HOT }));
  // One more order, which goes through a workflow; its id is as long each time.
  const orderId = `growth-whole-${String(orders).padStart(8, '0')}`;
  await concord.place({ orderId, customerId: 'customer', lines: [{ sku: HOT, quantity: 1 }] });
  const history = await client.workflow.getHandle(workflowIdOf(orderId)).describe();
  const { historyLength: historyEvents, historySize: historyBytes = 0 } = history;
  const orderBytes = sizeOf(await collections.orders.findOne({ _id: orderId }));
  const reservationBytes = sizeOf(await collections.reservations.findOne({ _id: orderId }));
  const sizes = { stockBytes, orderBytes, reservationBytes, historyEvents, historyBytes };
  return { orders, hotTime, freshTime, ...sizes };
}

/** The next write drops them then, so that no timed write does. */
async function untilTombstonesArePast({ collections }: Participants): Promise<void> {
  const found = await collections.stock.findOne({ _id: HOT });
  const last = Math.max(0, ...(found?.settled ?? []).map(({ until }) => until?.getTime() ?? 0));
  await delay(Math.max(0, last - Date.now()) + CLOCK_MARGIN);
}

/** Times one prepare and commit on each SKU, in turns, so that the machine's other work slows both alike. */
async function medianTimes(skus: readonly [string, string], { sell }: Participants) {
  const times: [number[], number[]] = [[], []];
  for (let turn = -WARM_UP; turn < REPETITIONS; turn += 1) {
    for (const place of [0, 1] as const) {
      const began = performance.now();
      await sell(skus[place]);
      if (turn >= 0) times[place].push(performance.now() - began);
    }
  }
  return times.map(median) as [number, number];
}

const sizeOf = (document: object | null) => (document === null ? 0 : BSON.calculateObjectSize(document));

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

export function renderGrowth(result: Awaited<ReturnType<typeof measureGrowth>>): string {
  const { first, last, problems } = result;
  const row = (name: string, figure: (look: Look) => number, digits = 0) => [
    ...[name, figure(first).toFixed(digits), figure(last).toFixed(digits)],
    (figure(last) / figure(first)).toFixed(2),
  ];
  return [
    'One SKU that every order wants. All orders but two went through the participants straight, without a workflow:',
    'one in ten was rolled back, and one in twenty was rolled back while its prepare still ran.',
    `${placeOf(result)}\n`,
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
