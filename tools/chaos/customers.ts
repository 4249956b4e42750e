import { setTimeout as delay } from 'node:timers/promises';
import { Concord } from '../../client/concord.ts';
import { ConcordError } from '../../domain/errors.ts';
import { finalStatuses, type Order, type OrderStatus } from '../../domain/order.ts';
import type { Receipt } from '../../domain/stock.ts';
import type { Told } from '../measure/checker.ts';
import { insist } from '../measure/customers.ts';
import { deliver } from '../measure/shelves.ts';
import { count } from '../measure/table.ts';
import type { LoadPlan, PlannedDelivery, PlannedOrder } from './load-plan.ts';

/** What came of the load, from the customers' side. */
export interface Answers {
  readonly told: readonly Told[];
  /** Answers that no customer should get, such as that an order stopped on an error. */
  readonly wrong: readonly { readonly subject: string; readonly message: string }[];
  /** Errors that the client gave no name of its own, and how often. */
  readonly surprises: Readonly<Record<string, number>>;
}

/** The load while it is under way. */
export interface Load {
  /** What has been said so far. */
  readonly answers: Answers;
  /** Resolves when every customer has an answer, or has given up. */
  readonly done: Promise<void>;
  /** How many orders there will be, how many customers have begun to place, and how many of them wait for an answer. */
  progress(): { planned: number; placed: number; waiting: number };
}

/**
 * Lets the customers and the warehouse do what is planned, over one connection, and over one each for those who will
 * lose it.
 *
 * @param address host:port of Temporal
 */
export function startLoad(plan: LoadPlan, concord: Concord, address: string): Load {
  const start = Date.now();
  const told: Told[] = [];
  const wrong: { subject: string; message: string }[] = [];
  const surprises: Record<string, number> = {};
  let placed = 0;
  let waiting = 0;

  const until = (at: number) => delay(Math.max(0, start + at - Date.now()));
  const insistent = <Answer>(ask: () => Promise<Answer>) =>
    insist(ask, {
      longest: 2_000,
      onFailure: (error) => {
        if (!(error instanceof ConcordError)) count(surprises, describe(error));
      },
    });
  const customers: Customers = {
    address,
    concord,
    insist: insistent,
    hear: (order, status) => {
      const final = finalStatuses.find((each) => each === status);
      if (final !== undefined) told.push({ order, status: final });
    },
  };

  const attempt = async (subject: string, work: Promise<unknown>) => {
    try {
      await work;
    } catch (error) {
      wrong.push({ subject, message: error instanceof Error ? error.message : String(error) });
    }
  };
  const serve = async (planned: PlannedOrder) => {
    await until(planned.at);
    placed += 1;
    waiting += 1;
    const { orderId } = planned.order;
    await Promise.all(parties(planned, customers).map((party) => attempt(orderId, party)));
    waiting -= 1;
  };
  const receive = async ({ at, receipt, twice }: PlannedDelivery) => {
    await until(at);
    const report = () => attempt(receipt.receiptId, reportDelivery(receipt, customers));
    await Promise.all(twice ? [report(), report()] : [report()]);
  };
  const done = Promise.all([...plan.orders.map(serve), ...plan.deliveries.map(receive)]);
  return {
    answers: { told, wrong, surprises },
    done: done.then(() => {}),
    progress: () => ({ planned: plan.orders.length, placed, waiting }),
  };
}

/** Fills the shelves, and so waits until the workers are there. */
export async function stockShelves(plan: LoadPlan, concord: Concord): Promise<void> {
  for (const { sku, quantity, receiptId } of plan.initial) {
    await deliver(concord, sku, quantity, receiptId);
  }
  await insist(() => concord.list({ limit: 1 }));
}

interface Customers {
  readonly address: string;
  readonly concord: Concord;
  /** Asks until there is an answer, be it a refusal. */
  insist<Answer>(ask: () => Promise<Answer>): Promise<Answer>;
  /** Takes down what a customer was told, where that is final. */
  hear(order: Order, status: OrderStatus | 'requested'): void;
}

function parties(planned: PlannedOrder, customers: Customers): Promise<void>[] {
  const { cancelAfter, duplicateAfter, impostorAfter } = planned;
  return [
    planned.disconnectAfter === undefined
      ? placeAndHear(planned, customers)
      : placeAndVanish(planned, planned.disconnectAfter, customers),
    ...(duplicateAfter === undefined
      ? []
      : [
          delay(duplicateAfter).then(() =>
            placeAndHear({ ...planned, strategy: planned.duplicateStrategy }, customers),
          ),
        ]),
    ...(cancelAfter === undefined ? [] : [delay(cancelAfter).then(() => cancel(planned, customers))]),
    ...(impostorAfter === undefined ? [] : [delay(impostorAfter).then(() => placeOther(planned, customers))]),
  ];
}

async function reportDelivery(receipt: Receipt, { concord, insist }: Customers): Promise<void> {
  const { sku, quantity, receiptId } = receipt;
  await insist(() => concord.restock(sku, quantity, { receiptId }));
}

// Each look is three calls; hundreds of orders may wait on a machine of few cores. Milliseconds.
const WATCH_INTERVAL = 3_000;

async function placeAndHear({ order, strategy, wait }: PlannedOrder, customers: Customers): Promise<void> {
  const { concord, insist, hear } = customers;
  const { status } = await insist(() => concord.place(order, { wait, strategy }));
  hear(order, status);
  // Who was told early also learns how it ended.
  if (wait === 'accepted') await watch(order, customers);
  if (wait === 'decided') hear(order, (await insist(() => concord.place(order, { strategy }))).status);
}

async function watch(order: Order, { concord, insist, hear }: Customers): Promise<void> {
  await insist(async () => {
    for await (const { status } of concord.watch(order.orderId, { interval: WATCH_INTERVAL })) {
      hear(order, status);
    }
  });
}

/** The connection is gone before there is an answer; what was accepted must go on without the customer. */
async function placeAndVanish(
  planned: PlannedOrder,
  disconnectAfter: number,
  customers: Customers,
): Promise<void> {
  const { order, strategy, wait, comesBack } = planned;
  const { address, insist, hear } = customers;
  const own = await insist(() => Concord.connect({ connection: { address } }));
  const vanishing = AbortSignal.timeout(disconnectAfter);
  await own.client
    .withAbortSignal(vanishing, () => own.place(order, { wait, strategy }))
    .then(
      ({ status }) => hear(order, status),
      () => {}, // nobody is there to hear why
    );
  // Only now: the SDK (1.24) ends the process where a call waits to be repeated on a connection that is closed.
  await own.close();
  if (comesBack) await placeAndHear(planned, customers);
}

async function cancel({ order }: PlannedOrder, { concord, insist, hear }: Customers): Promise<void> {
  const { orderId } = order;
  try {
    const { status } = await insist(() => concord.cancel(orderId, { reason: 'changed their mind' }));
    hear(order, status);
  } catch (error) {
    if (isRefusal(error, 'TooLate')) hear(order, (error.details as { status: OrderStatus }).status);
    else if (!isRefusal(error, 'UnknownOrder')) throw error;
  }
}

/** Asks for other things under an id that is taken; where it gets them, the checker finds two orders in one. */
async function placeOther({ order, strategy }: PlannedOrder, customers: Customers): Promise<void> {
  const { concord, insist, hear } = customers;
  const other = { ...order, customerId: 'impostor' };
  try {
    // The id must be taken first, or this would be the first order of that id.
    await insist(() => concord.place(order, { wait: 'accepted', strategy }));
    const { status } = await insist(() => concord.place(other, { strategy }));
    hear(other, status);
  } catch (error) {
    if (!isRefusal(error, 'OrderIdTaken')) throw error;
  }
}

function isRefusal(error: unknown, code: ConcordError['code']): error is ConcordError {
  return error instanceof ConcordError && error.code === code;
}

/** The same for every order, so that like counts with like. */
function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.name}: ${error.message}${cause}`
    .replaceAll(/chaos-[\w-]+|[0-9a-f-]{36}/g, '…')
    .slice(0, 200);
}
