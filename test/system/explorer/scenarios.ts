import type {
  InventoryLimits,
  ReservationDocument,
  StockDocument,
} from '../../../activities/inventory/documents.ts';
import { createInventory, type Inventory } from '../../../activities/inventory/participant.ts';
import { createStockKeeping } from '../../../activities/inventory/stock.ts';
import { createOrders, type OrderDocument, type Orders } from '../../../activities/orders/participant.ts';
import { ConcordError } from '../../../domain/errors.ts';
import type { Line, OrderOutcome } from '../../../domain/order.ts';
import type { DecideRequest, ParticipantRequest } from '../../../domain/participant.ts';
import { HOLD_WRITE_LIMIT, policies, TOMBSTONE_MARGIN } from '../../../domain/policies.ts';
import type { Strategy } from '../../../domain/strategies.ts';
import { confirmedOf, requestOf, rollbackOf } from '../../support/requests.ts';
import { type Documents, type End, runInTurn, type Scenario } from './explorer.ts';
import { type DatabaseState, type Submit, simulatedCollection } from './simulated-database.ts';

// What may happen at the same time around an order, each as the services' own code over a simulated database.

/** Just past the time in which an attempt may begin to hold; and just past any tombstone. Milliseconds. */
const DEADLINE = policies.prepare.attempt + 1;
const TOMBSTONE = DEADLINE + HOLD_WRITE_LIMIT + TOMBSTONE_MARGIN + 1;

export interface Services {
  readonly orders: Orders;
  readonly inventory: Inventory;
  readonly stockKeeping: ReturnType<typeof createStockKeeping>;
}

export function servicesOver(submit: Submit, limits?: Partial<InventoryLimits>): Services {
  const stock = simulatedCollection<StockDocument>('stock', submit);
  const reservations = simulatedCollection<ReservationDocument>('reservations', submit);
  return {
    orders: createOrders(simulatedCollection<OrderDocument>('orders', submit)),
    inventory: createInventory({ stock, reservations }, limits),
    stockKeeping: createStockKeeping({ stock, receipts: simulatedCollection('receipts', submit) }),
  };
}

/** The services with these units on the shelves. */
async function stocked(units: Readonly<Record<string, number>>): Promise<DatabaseState> {
  return runInTurn(new Map(), {
    async delivery(submit) {
      const { stockKeeping } = servicesOver(submit);
      for (const [sku, quantity] of Object.entries(units)) {
        await stockKeeping.receive({ receiptId: `initial-${sku}`, sku, quantity });
      }
    },
  });
}

const of = (...skus: string[]): Line[] => skus.map((sku) => ({ sku, quantity: 2 }));

/** Like Temporal: what can succeed later is tried again, but not for ever here. */
async function insist<Result>(call: () => Promise<Result>, attempts = 2): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (attempts <= 1 || !(error instanceof ConcordError) || !error.retryable) throw error;
    return insist(call, attempts - 1);
  }
}

const prepare = (request: ParticipantRequest) => (submit: Submit) =>
  servicesOver(submit).inventory.prepare(request);

const rollBack = (request: ParticipantRequest) => (submit: Submit) =>
  insist(() => servicesOver(submit).inventory.rollback(rollbackOf(request)));

/** A coordinator of the inventory alone: asks it, and then tells it what came of that. */
const coordinate = (request: ParticipantRequest) => async (submit: Submit) => {
  const { inventory } = servicesOver(submit);
  const votedYes = await inventory.prepare(request).then(
    () => true,
    () => false,
  );
  if (votedYes) await insist(() => inventory.commit(request));
  else await insist(() => inventory.rollback(rollbackOf(request)));
};

/** What every reader may see of the stock. */
function checkStock(documents: Documents): void {
  for (const { _id, available, reserved, sold, received, holds } of documents<StockDocument>('stock')) {
    const held = holds.reduce((sum, { quantity }) => sum + quantity, 0);
    if (Math.min(available, reserved, sold, received) < 0) throw new Error(`a count of ${_id} is below zero`);
    if (available + reserved + sold !== received) throw new Error(`units of ${_id} are not accounted for`);
    if (reserved !== held) throw new Error(`${reserved} units of ${_id} are reserved, and ${held} held`);
  }
}

/** What the inventory must come to: told once more what was decided, each order has sold its units once, or holds none. */
async function checkSettled({ submit, documents }: End): Promise<void> {
  const { inventory } = servicesOver(submit);
  const reservations = documents<ReservationDocument>('reservations');
  for (const { _id } of reservations) await inventory.settleDecided(_id);
  for (const { _id: sku, sold, holds } of documents<StockDocument>('stock')) {
    const expected = reservations
      .filter(({ decision }) => decision === 'commit')
      .flatMap(({ lines }) => lines)
      .filter((line) => line.sku === sku)
      .reduce((sum, { quantity }) => sum + quantity, 0);
    if (sold !== expected)
      throw new Error(`${sold} units of ${sku} are sold, where ${expected} were decided`);
    for (const { orderId } of holds) {
      const found = reservations.find(({ _id }) => _id === orderId);
      if (found?.decision !== null) throw new Error(`${orderId} holds ${sku}, although it is settled`);
    }
  }
}

function ofInventory(scenario: Omit<Scenario, 'checkAlways' | 'checkEnd'> & Partial<Scenario>): Scenario {
  return { checkAlways: checkStock, checkEnd: checkSettled, ...scenario };
}

async function twoAttemptsAndARollback(): Promise<Scenario> {
  const request = requestOf('order', of('A'));
  return ofInventory({
    state: await stocked({ A: 5 }),
    actors: { 'attempt 1': prepare(request), 'attempt 2': prepare(request), rollback: rollBack(request) },
    deaths: 1,
  });
}

async function twoSlowAttemptsAndARollback(): Promise<Scenario> {
  return { ...(await twoAttemptsAndARollback()), clock: [DEADLINE], delays: 1 };
}

/** The schedule that sold an order twice is among these. */
async function lateAttempt(): Promise<Scenario> {
  const request = requestOf('order', of('A'));
  return ofInventory({
    state: await stocked({ A: 9 }),
    actors: {
      'attempt 1': prepare(request),
      coordinator: coordinate(request),
      'another order': prepare(requestOf('another', of('A'))),
    },
    clock: [TOMBSTONE],
    delays: 1,
  });
}

async function lateAttemptBesideAnOrder(): Promise<Scenario> {
  const scenario = await lateAttempt();
  const another = coordinate(requestOf('another', of('A')));
  return { ...scenario, actors: { ...scenario.actors, 'another order': another } };
}

async function lastUnits(): Promise<Scenario> {
  const scenario = ofInventory({
    state: await stocked({ A: 2, B: 2 }),
    actors: {
      one: coordinate(requestOf('one', of('A', 'B'))),
      two: coordinate(requestOf('two', of('B', 'A'))),
    },
  });
  return {
    ...scenario,
    async checkEnd(end) {
      await checkSettled(end);
      const decisions = end.documents<ReservationDocument>('reservations').map(({ decision }) => decision);
      if (decisions.filter((decision) => decision === 'commit').length !== 1) {
        throw new Error('two orders for the last units refused each other');
      }
    },
  };
}

/** However they come together, and whoever settles in between. */
async function roomForOneHold(): Promise<Scenario> {
  const hold = (orderId: string) => async (submit: Submit) => {
    const { inventory } = servicesOver(submit, { maximumHolds: 1 });
    const request = requestOf(orderId, of('A'));
    await inventory.prepare(request).catch(() => {});
    await insist(() => inventory.rollback(rollbackOf(request)));
  };
  return ofInventory({
    state: await stocked({ A: 9 }),
    actors: { one: hold('one'), two: hold('two') },
    checkAlways(documents) {
      checkStock(documents);
      const [stock] = documents<StockDocument>('stock');
      if ((stock?.holds.length ?? 0) > 1) throw new Error('two orders hold where there is room for one');
    },
  });
}

async function oneLineShort(): Promise<Scenario> {
  const request = requestOf('order', of('A', 'B'));
  return ofInventory({
    state: await stocked({ A: 5, B: 1 }),
    actors: { 'attempt 1': prepare(request), coordinator: coordinate(request) },
  });
}

async function unknownSku(): Promise<Scenario> {
  const request = requestOf('order', of('NEW'));
  return ofInventory({
    state: await stocked({}),
    actors: {
      attempt: prepare(request),
      rollback: rollBack(request),
      delivery: (submit) =>
        servicesOver(submit).stockKeeping.receive({ receiptId: 'r', sku: 'NEW', quantity: 4 }),
    },
    deaths: 1,
  });
}

async function receipts(): Promise<Scenario> {
  const receipt = { receiptId: 'r', sku: 'NEW', quantity: 4 };
  const receive = (submit: Submit) => insist(() => servicesOver(submit).stockKeeping.receive(receipt));
  return {
    state: await stocked({}),
    actors: { 'attempt 1': receive, 'attempt 2': receive },
    deaths: 1,
    checkAlways: checkStock,
    async checkEnd({ submit, documents }) {
      await servicesOver(submit).stockKeeping.receive(receipt);
      const [stock] = documents<StockDocument>('stock');
      if (stock?.received !== 4) throw new Error(`${stock?.received} units were counted of a receipt of 4`);
      if (stock.arriving?.length !== 0)
        throw new Error('a receipt that was counted is still in the stock document');
    },
  };
}

/** Where there is no coordinator to roll back, the inventory's no is final as it is said. */
async function refusalIn(strategy: Strategy): Promise<Scenario> {
  const request = requestOf('order', of('A'), 'run-1', strategy);
  return ofInventory({
    state: await stocked({ A: 1 }),
    actors: { 'attempt 1': prepare(request), 'attempt 2': prepare(request), cancel: rollBack(request) },
    deaths: 1,
  });
}

// --- all services of an order, and several who want to settle it -----------------------------------------------

/** A run of the order's workflow: it asks both services, has the decision put on record, and tells the inventory. */
const run = (request: ParticipantRequest, isCancelled: boolean) => async (submit: Submit) => {
  const { orders, inventory } = servicesOver(submit);
  // One after the other, because the order in which one run asks two services changes nothing.
  const votes = await Promise.allSettled([orders.prepare(request)]);
  votes.push(...(await Promise.allSettled([inventory.prepare(request)])));
  const isYes = !isCancelled && votes.every(({ status }) => status === 'fulfilled');
  return settle(isYes ? confirmedOf(request) : rollbackOf(request), { orders, inventory });
};

/** A resolution, which an operator or the reaper begins where Temporal says that the order's workflow is gone. */
const resolve = (request: ParticipantRequest) => (submit: Submit) =>
  settle(rollbackOf({ ...request, coordinatorId: 'resolution', takesOver: true }), servicesOver(submit));

async function settle(
  request: DecideRequest,
  { orders, inventory }: Pick<Services, 'orders' | 'inventory'>,
): Promise<OrderOutcome> {
  const outcome = await insist(() => orders.decide(request));
  const { status, ...told } = request;
  if (outcome.status === 'confirmed') await insist(() => inventory.commit(told));
  else await insist(() => inventory.rollback(rollbackOf(told)));
  return outcome;
}

/** Every service says the same of the order, whoever told it what, and nobody's work failed for another's. */
async function checkAgreement({ submit, documents, outcomes }: End): Promise<void> {
  const [order] = documents<OrderDocument>('orders');
  for (const [name, outcome] of outcomes) {
    if ('thrown' in outcome && !isPassing(outcome.thrown))
      throw new Error(`${name} failed: ${outcome.thrown}`);
    if ('returned' in outcome && (outcome.returned as OrderOutcome).status !== order?.status) {
      throw new Error(`${name} was told another outcome than the one on record`);
    }
  }
  if (order === undefined) return;
  // Whoever is left settles it as it is on record: the workflow goes on, or a resolution takes its place.
  const request = { ...requestOf('order', order.lines), coordinatorId: 'last', takesOver: true };
  const last = await settle(rollbackOf(request), servicesOver(submit));
  if (order.status !== 'pending' && last.status !== order.status)
    throw new Error('the first decision did not stand');
  const reservation = documents<ReservationDocument>('reservations').find(({ _id }) => _id === 'order');
  const decision = last.status === 'confirmed' ? 'commit' : 'rollback';
  if (reservation?.decision !== decision) {
    throw new Error(`the order is ${last.status}, and the inventory has decided ${reservation?.decision}`);
  }
  await checkSettled({ submit, documents, outcomes });
}

/** What Temporal tries again. */
function isPassing(error: unknown): boolean {
  return error instanceof ConcordError && error.retryable;
}

async function resets(): Promise<Scenario> {
  const request = requestOf('order', of('A'));
  return {
    state: await stocked({ A: 5 }),
    actors: { 'run 1': run(request, false), 'run 2, after a reset': run(request, true) },
    deaths: 1,
    checkAlways: checkStock,
    checkEnd: checkAgreement,
  };
}

async function resolutionTakesOver(): Promise<Scenario> {
  const request = requestOf('order', of('A'));
  return {
    state: await stocked({ A: 5 }),
    actors: { 'run 1': run(request, false), resolution: resolve(request) },
    deaths: 1,
    checkAlways: checkStock,
    checkEnd: checkAgreement,
  };
}

/** Those that take seconds. */
export const scenarios: Readonly<Record<string, () => Promise<Scenario>>> = {
  'two attempts and a rollback': twoAttemptsAndARollback,
  'a late attempt, and a commit that is told twice': lateAttempt,
  'two orders for the last units of two SKUs': lastUnits,
  'two orders where there is room for one hold': roomForOneHold,
  'an unknown SKU that becomes known': unknownSku,
  'one receipt, reported twice': receipts,
  'a refusal by messages': () => refusalIn('message-queue'),
  'a run and its reset': resets,
  'a resolution that takes over': resolutionTakesOver,
};

/** Those that take minutes. */
export const largeScenarios: typeof scenarios = {
  'two slow attempts and a rollback': twoSlowAttemptsAndARollback,
  'a late attempt beside an order that is sold': lateAttemptBesideAnOrder,
  'one line short': oneLineShort,
  'a refusal by events': () => refusalIn('event-driven'),
};
