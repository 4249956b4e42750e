import { setTimeout as delay } from 'node:timers/promises';
import { Concord } from '../../client/concord.ts';
import { ConcordError } from '../../domain/errors.ts';
import { finalStatuses, type Order, type OrderStatus } from '../../domain/order.ts';
import type { Told } from '../measure/checker.ts';
import { insist as insistOn } from '../measure/load-generator.ts';
import { deliver } from '../measure/shelves.ts';
import { count } from '../measure/table.ts';
import type { LoadPlan, PlannedDelivery, PlannedOrder } from './load-plan.ts';

/** Fills the shelves, and so waits until the workers are there. */
export async function stockShelves(plan: LoadPlan, concord: Concord): Promise<void> {
  for (const { sku, quantity, receiptId } of plan.initial) await deliver(concord, sku, quantity, receiptId);
  await insistOn(() => concord.list({ limit: 1 }));
}

// Each look is three calls; hundreds of orders may wait on a machine of few cores. Milliseconds.
const WATCH_INTERVAL = 3_000;

/** Lets customers and warehouse do what is planned; who will lose a connection has one of their own. */
export function startLoad(plan: LoadPlan, concord: Concord, address: string) {
  const start = Date.now();
  const told: Told[] = [];
  /** Answers that no customer should get, such as that an order stopped on an error. */
  const wrong: { subject: string; message: string }[] = [];
  /** Errors that the client gave no name of its own, and how often. */
  const surprises: Record<string, number> = {};
  let placed = 0;
  let waiting = 0;

  const until = (at: number) => delay(Math.max(0, start + at - Date.now()));
  const insist = <Answer>(ask: () => Promise<Answer>) =>
    insistOn(ask, {
      longest: 2_000,
      onFailure: (error) => {
        if (!(error instanceof ConcordError)) count(surprises, describe(error));
      },
    });
  const hear = (order: Order, status: OrderStatus | 'requested') => {
    const final = finalStatuses.find((each) => each === status);
    if (final !== undefined) told.push({ order, status: final });
  };
  const attempt = async (subject: string, work: Promise<unknown>) => {
    try {
      await work;
    } catch (error) {
      wrong.push({ subject, message: error instanceof Error ? error.message : String(error) });
    }
  };

  const placeAndHear = async ({ order, strategy, wait }: PlannedOrder) => {
    hear(order, (await insist(() => concord.place(order, { wait, strategy }))).status);
    if (wait === 'decided') hear(order, (await insist(() => concord.place(order, { strategy }))).status);
    if (wait !== 'accepted') return;
    await insist(async () => {
      const looks = concord.watch(order.orderId, { interval: WATCH_INTERVAL });
      for await (const look of looks) hear(order, look.status);
    });
  };

  /** The connection is gone before there is an answer; what was accepted must go on without the customer. */
  const placeAndVanish = async (planned: PlannedOrder, disconnectAfter: number) => {
    const { order, strategy, wait, comesBack } = planned;
    const own = await insist(() => Concord.connect({ connection: { address } }));
    const vanishing = AbortSignal.timeout(disconnectAfter);
    const placed = own.client.withAbortSignal(vanishing, () => own.place(order, { wait, strategy }));
    const answer = await placed.catch(() => undefined); // nobody is there to hear why
    if (answer !== undefined) hear(order, answer.status);
    // Only now: the SDK (1.24) ends the process if a call waits to be repeated on a connection that is closed.
    await own.close();
    if (comesBack) await placeAndHear(planned);
  };

  const cancel = async ({ order }: PlannedOrder) => {
    try {
      const reason = 'changed their mind';
      hear(order, (await insist(() => concord.cancel(order.orderId, { reason }))).status);
    } catch (error) {
      if (isRefusal(error, 'TooLate')) hear(order, (error.details as { status: OrderStatus }).status);
      else if (!isRefusal(error, 'UnknownOrder')) throw error;
    }
  };

  /** Asks for other things under an id that is taken; if it gets them, the checker finds two orders in one. */
  const placeOther = async ({ order, strategy }: PlannedOrder) => {
    const other = { ...order, customerId: 'impostor' };
    try {
      // The id must be taken first, or this would be the first order of that id.
      await insist(() => concord.place(order, { wait: 'accepted', strategy }));
      hear(other, (await insist(() => concord.place(other, { strategy }))).status);
    } catch (error) {
      if (!isRefusal(error, 'OrderIdTaken')) throw error;
    }
  };

  const serve = async (planned: PlannedOrder) => {
    const { cancelAfter, duplicateAfter, duplicateStrategy, impostorAfter, disconnectAfter } = planned;
    const later = (after: number | undefined, act: () => Promise<void>) =>
      after === undefined ? [] : [delay(after).then(act)];
    await until(planned.at);
    placed += 1;
    waiting += 1;
    const parties = [
      disconnectAfter === undefined ? placeAndHear(planned) : placeAndVanish(planned, disconnectAfter),
      ...later(duplicateAfter, () => placeAndHear({ ...planned, strategy: duplicateStrategy })),
      ...later(cancelAfter, () => cancel(planned)),
      ...later(impostorAfter, () => placeOther(planned)),
    ];
    await Promise.all(parties.map((party) => attempt(planned.order.orderId, party)));
    waiting -= 1;
  };
  const receive = async ({ at, receipt, twice }: PlannedDelivery) => {
    const { sku, quantity, receiptId } = receipt;
    await until(at);
    const restock = () => insist(() => concord.restock(sku, quantity, { receiptId }));
    const report = () => attempt(receiptId, restock());
    await Promise.all(twice ? [report(), report()] : [report()]);
  };
  return {
    answers: { told, wrong, surprises },
    done: Promise.all([...plan.orders.map(serve), ...plan.deliveries.map(receive)]),
    progress: () => `${placed} of ${plan.orders.length} orders placed, ${waiting} wait for an answer`,
  };
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
