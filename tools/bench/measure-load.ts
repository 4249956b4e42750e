import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';
import type { Order } from '../../domain/order.ts';
import type { ServiceName } from '../../workers/services.ts';
import { checkAtRest } from '../measure/checker.ts';
import { type MemoryUse, watchMemory } from '../measure/memory.ts';
import { readState, readStock, type State } from '../measure/state.ts';
import type { Report } from '../servers/report.ts';
import { planLoad } from './burst-plan.ts';
import type { Options } from './options.ts';
import type { Measurement } from './tool.ts';
import type { Stage } from './tool-stage.ts';

/** What came of many orders at once. Times are milliseconds from the first one. */
export interface LoadResult extends Measurement {
  readonly machine: string;
  readonly orders: number;
  /** When the last one was accepted, and when the last one was final. */
  readonly acceptedAfter: number;
  readonly finalAfter: number;
  /** How many were accepted and not final, at the most. */
  readonly backlog: number;
  /** How many orders held units of one SKU at the same time, at the most: its document lists them. */
  readonly holds: number;
  /** Orders by outcome; a rejected one by its reason, too. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly memory: Readonly<Record<ServiceName, MemoryUse | undefined>>;
}

// Enough callers at a time that orders come in far faster than they are done.
const CALLERS = 200;
const LOOK_EVERY = 500;
/** How long nothing may become final before the wait is given up. Milliseconds. */
const STALL = 3 * 60_000;

/** Places all orders at once, waits until they are final, and checks what is stored. */
export async function measureLoad(stage: Stage, options: Options, report: Report): Promise<LoadResult> {
  const { concord, workers, machine } = stage;
  const { orders, deliveries, unfulfillable } = planLoad(options.orders);
  for (const { sku, quantity } of deliveries) await concord.restock(sku, quantity);
  await concord.list({ limit: 1 }); // by now both workers have loaded what they need

  const memory = watchMemory(workers);
  const times = await runLoad(stage, orders, report);
  const used = await memory.stop();

  const step = report.step('Checking all that is stored');
  const state = await readState(stage);
  step.done();
  return {
    machine,
    orders: orders.length,
    ...times,
    outcomes: outcomesOf(state),
    memory: used,
    problems: problemsIn(state, orders, unfulfillable),
  };
}

async function runLoad(
  { concord, client, databases }: Stage,
  orders: readonly Order[],
  report: Report,
): Promise<Pick<LoadResult, 'acceptedAfter' | 'finalAfter' | 'backlog' | 'holds'>> {
  const step = report.step(`Placing ${orders.length} orders`);
  const began = Date.now();
  let accepted = 0;
  const placeAll = async () => {
    await pMap(
      orders,
      async (order) => {
        await concord.place(order, { wait: 'accepted' });
        accepted += 1;
      },
      { concurrency: CALLERS },
    );
    report.note(`All are accepted after ${Math.round((Date.now() - began) / 1_000)} s`);
    return Date.now() - began;
  };

  let backlog = 0;
  let holds = 0;
  const untilFinal = async () => {
    let final = 0;
    let changedAt = Date.now();
    for (let told = 0; final < orders.length && Date.now() - changedAt < STALL; ) {
      await delay(LOOK_EVERY);
      const { count } = await client.workflow.count(
        "WorkflowType = 'placeOrder' AND ExecutionStatus != 'Running'",
      );
      backlog = Math.max(backlog, accepted - count);
      const stock = await readStock(databases.inventory);
      holds = Math.max(holds, ...stock.map((document) => document.holds.length));
      if (count !== final) changedAt = Date.now();
      final = count;
      if (final - told < orders.length / 10) continue;
      report.note(`${accepted} accepted, ${final} final`);
      told = final;
    }
    return changedAt - began;
  };

  const [acceptedAfter, finalAfter] = await Promise.all([placeAll(), untilFinal()]);
  step.done();
  return { acceptedAfter, finalAfter, backlog, holds };
}

function outcomesOf({ orders }: State): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, reason } of orders) {
    const outcome = reason === undefined ? status : `${status} (${reason.code})`;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

function problemsIn(state: State, orders: readonly Order[], unfulfillable: number): string[] {
  const stored = new Set(state.orders.map(({ _id }) => _id));
  const lost = orders.filter(({ orderId }) => !stored.has(orderId));
  const refused = state.orders.filter(({ status }) => status === 'rejected').length;
  return [
    ...lost.map(({ orderId }) => `${orderId} was accepted, and is nowhere`),
    ...(refused === unfulfillable ? [] : [`${refused} orders were rejected, and not ${unfulfillable}`]),
    ...checkAtRest(state, []).map(
      ({ invariant, subject, details }) => `${invariant}: ${subject}: ${details}`,
    ),
  ];
}
