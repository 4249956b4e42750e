import { type FinalStatus, type Line, type Order, sameContent } from '../../domain/order.ts';
import { DEFAULT_STRATEGY } from '../../domain/strategies.ts';
import type { DeliveryExecution, OrderExecution, State } from './state.ts';
import { groupedBy, sum as total } from './statistics.ts';

type OrderDocument = State['orders'][number];
type ReservationDocument = State['reservations'][number];

/** The first four hold in every state, the others when nothing is in flight and no announcement under way. */
export const invariants = {
  'stock-adds-up': 'available + reserved + sold = received',
  'stock-not-negative': 'no count is below zero',
  'stock-reserved-is-held': 'reserved = the sum of the holds',
  'stock-held-once': 'no order holds a SKU twice',
  'stock-received-is-delivered': 'received = the sum of the applied deliveries',
  'stock-at-rest': 'nothing is reserved and nothing is held',
  'stock-sold-is-confirmed': 'sold = what confirmed orders ask for',
  'delivery-applied': 'every delivery is applied, as it was reported, and nothing else is',
  'order-final': 'every order has ended, in its workflow and in its document',
  'order-agrees': "the document's content, strategy and status are the workflow's",
  'order-once': 'one order id, one workflow, one document',
  'reservation-decided': 'no reservation is undecided',
  'reservation-agrees':
    'an order is confirmed exactly where its reservation, with just its lines, is committed',
  'resolution-agrees': 'the reaper settles only orders whose own workflow has ended, and as that has decided',
  'hold-not-left': 'no order that has ended holds anything that the reaper must find',
  'answer-kept': 'what a customer was told is what came of the order',
  'confirmation-kept': 'no customer was told "confirmed" of an order that is not',
  'outbox-empty': 'nothing is left in an outbox',
  'announcement-delivered': 'every message and every event has reached whom it is for',
  'events-agree': 'the events of an order tell just what is on record of it',
} as const;

export type Invariant = keyof typeof invariants;

export interface Violation {
  readonly invariant: Invariant;
  /** An order id, a SKU or a receipt id. */
  readonly subject: string;
  readonly details: string;
}

export function problemsOf(violations: readonly Violation[]): string[] {
  return violations.map(({ invariant, subject, details }) => `${invariant}: ${subject}: ${details}`);
}

export interface Told {
  readonly order: Order;
  readonly status: FinalStatus;
}

/** Checks what holds of each stock document in every state that a reader can see, whatever is in flight. */
export function checkStock(stock: State['stock']): Violation[] {
  return stock.flatMap((document) => {
    const { _id: sku, available, reserved, sold, received, holds } = document;
    const counts = `available ${available}, reserved ${reserved}, sold ${sold}, received ${received}`;
    const held = sum(holds);
    const holders = holds.map(({ orderId }) => orderId);
    const twice = holders.filter((orderId, index) => holders.indexOf(orderId) !== index);
    return [
      ...violated(available + reserved + sold !== received, 'stock-adds-up', sku, counts),
      ...violated(Math.min(available, reserved, sold, received) < 0, 'stock-not-negative', sku, counts),
      ...violated(reserved !== held, 'stock-reserved-is-held', sku, `${counts}; holds of ${held}`),
      ...violated(twice.length > 0, 'stock-held-once', sku, `held twice by ${twice.join(', ')}`),
    ];
  });
}

export function checkAtRest(state: State, told: readonly Told[]): Violation[] {
  return [
    ...checkStock(state.stock),
    ...checkStockAtRest(state),
    ...checkDeliveries(state),
    ...checkOrders(state),
    ...checkReservations(state),
    ...checkResolutions(state),
    ...checkAnswers(state, told),
  ];
}

function checkStockAtRest({ stock, receipts, orders }: State): Violation[] {
  const applied = receipts.filter(({ state }) => state === 'applied');
  const confirmed = orders.filter(({ status }) => status === 'confirmed').flatMap(({ lines }) => lines);
  const skus = new Set([...stock.map(({ _id }) => _id), ...applied.map(({ sku }) => sku)]);
  return [...skus].flatMap((sku) => {
    const document = stock.find(({ _id }) => _id === sku);
    const { received = 0, reserved = 0, sold = 0, holds = [] } = document ?? {};
    const delivered = sum(applied.filter((receipt) => receipt.sku === sku));
    const wanted = sum(confirmed.filter((line) => line.sku === sku));
    const isDelivered = `received ${received}, delivered ${delivered}`;
    const rest = `reserved ${reserved}, held by ${holds.map(({ orderId }) => orderId).join(', ') || 'nobody'}`;
    return [
      ...violated(received !== delivered, 'stock-received-is-delivered', sku, isDelivered),
      ...violated(reserved !== 0 || holds.length > 0, 'stock-at-rest', sku, rest),
      ...violated(sold !== wanted, 'stock-sold-is-confirmed', sku, `sold ${sold}, confirmed ${wanted}`),
    ];
  });
}

export function comparedById<One, Other>(
  ones: ReadonlyMap<string, One>,
  others: ReadonlyMap<string, Other>,
  compare: (id: string, one: One | undefined, other: Other | undefined) => Violation[],
): Violation[] {
  const ids = new Set([...ones.keys(), ...others.keys()]);
  return [...ids].flatMap((id) => compare(id, ones.get(id), others.get(id)));
}

export function documentsById<Document extends { readonly _id: string }>(documents: readonly Document[]) {
  return new Map(documents.map((document) => [document._id, document]));
}

function checkDeliveries({ receipts, deliveries }: State): Violation[] {
  const reported = new Map(deliveries.map((delivery) => [delivery.receiptId, delivery]));
  return comparedById(reported, documentsById(receipts), (id, delivery, receipt) =>
    problem('delivery-applied', id, deliveryProblem(delivery, receipt)),
  );
}

function deliveryProblem(
  reported: DeliveryExecution | undefined,
  recorded: State['receipts'][number] | undefined,
): string | undefined {
  if (reported === undefined) return 'applied, but nobody has reported it';
  if (reported.status !== 'COMPLETED') return `its workflow is ${reported.status}`;
  if (recorded === undefined) return 'its workflow is completed, but nothing is recorded';
  if (recorded.state !== 'applied') return `its workflow is completed, but it is ${recorded.state}`;
  const { sku, quantity } = reported.receipt;
  if (recorded.sku === sku && recorded.quantity === quantity) return undefined;
  return `reported as ${quantity} × ${sku}, recorded as ${recorded.quantity} × ${recorded.sku}`;
}

function checkOrders({ orders, executions }: State): Violation[] {
  const runs = groupedBy(executions, ({ orderId }) => orderId);
  return comparedById(documentsById(orders), runs, checkOrder);
}

function checkOrder(id: string, document: OrderDocument | undefined, runs: readonly OrderExecution[] = []) {
  const [execution] = runs;
  if (execution === undefined) return problem('order-once', id, 'a document, but no workflow');
  if (document === undefined) return problem('order-once', id, 'a workflow, but no document');
  const result = execution.outcome?.status ?? execution.status;
  const isFinal = execution.outcome !== undefined && document.status !== 'pending';
  const { strategy = DEFAULT_STRATEGY } = document;
  const isSame = sameContent(execution.order, orderOf(document)) && execution.strategy === strategy;
  const agrees = document.status === result && isSame;
  const known = `document ${document.status} of ${describeLines(document.lines)} (${strategy})`;
  const ran = `workflow ${result} of ${describeLines(execution.order.lines)} (${execution.strategy})`;
  return [
    ...violated(runs.length !== 1, 'order-once', id, `${runs.length} workflows`),
    ...violated(!isFinal, 'order-final', id, `document ${document.status}, workflow ${result}`),
    ...violated(isFinal && !agrees, 'order-agrees', id, `${known}, ${ran}`),
  ];
}

function checkReservations({ orders, reservations }: State): Violation[] {
  return comparedById(documentsById(orders), documentsById(reservations), (id, order, reservation) =>
    reservation?.decision === null
      ? problem('reservation-decided', id, `of ${describeLines(reservation.lines)}`)
      : problem('reservation-agrees', id, reservationProblem(order, reservation)),
  );
}

function reservationProblem(order: OrderDocument | undefined, reservation: ReservationDocument | undefined) {
  const isConfirmed = order?.status === 'confirmed';
  const isCommitted = reservation?.decision === 'commit';
  if (isConfirmed && reservation === undefined) return 'confirmed, but nothing is reserved';
  if (isConfirmed !== isCommitted) {
    return `order ${order?.status ?? 'unknown'}, reservation ${reservation?.decision ?? 'unknown'}`;
  }
  if (!isConfirmed || order === undefined || reservation === undefined) return undefined;
  if (sameContent(orderOf(order), orderOf(reservation))) return undefined;
  return `confirmed ${describeLines(order.lines)}, committed ${describeLines(reservation.lines)}`;
}

function checkResolutions({ executions, resolutions, sweeps }: State): Violation[] {
  const placings = new Map(executions.map((execution) => [execution.orderId, execution]));
  return resolutions.flatMap((resolution) => {
    const { orderId, startedAt } = resolution;
    const placing = placings.get(orderId);
    const sweep = sweeps.find((each) => each.startedAt <= startedAt && startedAt <= each.closedAt);
    // The reaper asks in vain about an order that ends meanwhile; but nothing may be left of one that had ended before.
    const isLeft =
      sweep !== undefined && placing?.closedAt !== undefined && placing.closedAt < sweep.startedAt;
    return [
      ...problem('resolution-agrees', orderId, resolutionProblem(resolution, placing)),
      ...violated(isLeft, 'hold-not-left', orderId, 'the reaper found a hold of an order that had ended'),
    ];
  });
}

/** Nobody terminates an order here, so each has decided by itself. */
function resolutionProblem(
  { status, outcome, startedAt }: OrderExecution,
  placing: OrderExecution | undefined,
): string | undefined {
  if (placing === undefined) return 'resolved, but nobody has placed it';
  if (placing.closedAt === undefined || startedAt < placing.closedAt) return 'resolved while it lived';
  if (outcome === undefined) return `its resolution is ${status}`;
  const decided = placing.outcome?.status ?? placing.status;
  return outcome.status === decided ? undefined : `resolved as ${outcome.status}, decided as ${decided}`;
}

function checkAnswers({ executions }: State, told: readonly Told[]): Violation[] {
  const placings = new Map(executions.map((execution) => [execution.orderId, execution]));
  return told.flatMap(({ order, status }) => {
    const execution = placings.get(order.orderId);
    const came = execution?.outcome?.status ?? execution?.status ?? 'unknown';
    const isKept = status === came && execution !== undefined && sameContent(execution.order, order);
    const details = `told ${status} of ${describeLines(order.lines)}; came to ${came} of ${describeLines(execution?.order.lines ?? [])}`;
    const invariant = status === 'confirmed' ? 'confirmation-kept' : 'answer-kept';
    return violated(!isKept, invariant, order.orderId, details);
  });
}

export function problem(invariant: Invariant, subject: string, details: string | undefined): Violation[] {
  return details === undefined ? [] : [{ invariant, subject, details }];
}

export function violated(isViolated: boolean, invariant: Invariant, subject: string, details: string) {
  return problem(invariant, subject, isViolated ? details : undefined);
}

function orderOf({ _id, customerId, lines }: OrderDocument | ReservationDocument): Order {
  return { orderId: _id, customerId, lines };
}

function describeLines(lines: readonly Line[]): string {
  return lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ') || 'nothing';
}

const sum = (items: readonly { readonly quantity: number }[]) => total(items.map(({ quantity }) => quantity));
