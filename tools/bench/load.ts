import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';
import type { Order } from '../../domain/order.ts';
import { checkAtRest, problemsOf } from '../measure/checker.ts';
import { deliver, orderOf } from '../measure/shelves.ts';
import type { Stage } from '../measure/stage.ts';
import { collectionsIn, readState, type State } from '../measure/state.ts';
import { count, placeOf, seconds, tableOf, verdictOf } from '../measure/table.ts';
import { memoryHead, memoryRows, watchMemory } from '../measure/usage.ts';
import type { Report } from '../servers/report.ts';

/** Every order wants one unit of this SKU, of which there is enough, and one of its own shelf. */
const HOT = 'LOAD-HOT';
const SHELVES = 20;
/** One in so many finds its shelf empty. */
const UNFULFILLABLE = 20;
// So many that orders come in far faster than they are done.
const CALLERS = 200;
// Gives up if nothing becomes final for so long. Milliseconds.
const STALL = 3 * 60_000;

export async function measureLoad(stage: Stage, orderCount: number, report: Report) {
  const { concord, machine, servers } = stage;
  const planOrder = (_: unknown, index: number) => orderOf('load', index, [HOT, shelfOf(index)]);
  const orders = Array.from({ length: orderCount }, planOrder);
  const unfulfillable = await fillShelvesFor(stage, orderCount);
  await concord.list({ limit: 1 }); // by now both workers have loaded what they need

  const memoryUsed = watchMemory(stage);
  const times = await placeAll(stage, orders, report);
  const memory = await memoryUsed();

  const step = report.step('Checking all that is stored');
  const state = await readState(stage);
  step.done();
  const outcomes: Record<string, number> = {};
  for (const { status, reason } of state.orders) {
    count(outcomes, reason === undefined ? status : `${status} (${reason.code})`);
  }
  const problems = problemsIn(state, orders, unfulfillable);
  return { machine, servers, orders: orderCount, ...times, outcomes, memory, problems };
}

const shelfOf = (index: number) => `LOAD-${index % SHELVES}`;

/** Returns how many orders will find their shelf empty. */
async function fillShelvesFor({ concord }: Stage, orders: number): Promise<number> {
  await deliver(concord, HOT, orders);
  let unfulfillable = 0;
  for (let shelf = 0; shelf < Math.min(SHELVES, orders); shelf += 1) {
    const wanted = Math.ceil((orders - shelf) / SHELVES);
    const missing = Math.floor(wanted / UNFULFILLABLE);
    await deliver(concord, shelfOf(shelf), wanted - missing);
    unfulfillable += missing;
  }
  return unfulfillable;
}

async function placeAll({ concord, client, databases }: Stage, orders: readonly Order[], report: Report) {
  const step = report.step(`Placing ${orders.length} orders`);
  const began = Date.now();
  let accepted = 0;
  const place = async (order: Order) => {
    await concord.place(order, { wait: 'accepted' });
    accepted += 1;
  };
  const untilAccepted = async () => {
    await pMap(orders, place, { concurrency: CALLERS });
    report.note(`All are accepted after ${seconds(Date.now() - began)}`);
    return Date.now() - began;
  };
  // The most at one time: orders that were accepted and not final, and holds in one SKU's document.
  let backlog = 0;
  let holds = 0;
  const untilFinal = async () => {
    let final = 0;
    let changedAt = Date.now();
    for (let told = 0; final < orders.length && Date.now() - changedAt < STALL; await delay(500)) {
      const query = "WorkflowType = 'placeOrder' AND ExecutionStatus != 'Running'";
      const ended = await client.workflow.count(query);
      backlog = Math.max(backlog, accepted - ended.count);
      const stock = await collectionsIn(databases).stock.find().toArray();
      holds = Math.max(holds, ...stock.map((document) => document.holds.length));
      if (ended.count !== final) changedAt = Date.now();
      final = ended.count;
      if (final - told < orders.length / 10) continue;
      report.note(`${accepted} accepted, ${final} final`);
      told = final;
    }
    return changedAt - began;
  };
  const [acceptedAfter, finalAfter] = await Promise.all([untilAccepted(), untilFinal()]);
  step.done();
  return { acceptedAfter, finalAfter, backlog, holds };
}

function problemsIn(state: State, orders: readonly Order[], unfulfillable: number): string[] {
  const stored = new Set(state.orders.map(({ _id }) => _id));
  const lost = orders.filter(({ orderId }) => !stored.has(orderId));
  const refused = state.orders.filter(({ status }) => status === 'rejected').length;
  return [
    ...lost.map(({ orderId }) => `${orderId} was accepted, and is nowhere`),
    ...(refused === unfulfillable ? [] : [`${refused} orders were rejected, and not ${unfulfillable}`]),
    ...problemsOf(checkAtRest(state, [])),
  ];
}

export function renderLoad(result: Awaited<ReturnType<typeof measureLoad>>): string {
  const { orders, acceptedAfter, finalAfter, backlog, holds, outcomes, memory, problems } = result;
  const rate = (orders / finalAfter) * 1_000;
  return [
    `${orders} orders at once: all accepted after ${seconds(acceptedAfter)}, the last one final after ${seconds(finalAfter)} (${rate.toFixed(1)} a second)`,
    `At the most, ${backlog} orders were accepted and not final, and ${holds} of them held units of the same SKU`,
    `${placeOf(result)}\n`,
    `${tableOf(['outcome', 'orders'], Object.entries(outcomes).sort())}\n`,
    tableOf(['worker: resident memory', ...memoryHead], memoryRows(memory)),
    `\n${verdictOf(problems)}`,
  ].join('\n');
}
