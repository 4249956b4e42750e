import type { ReservationDocument } from '../../activities/inventory/documents.ts';
import type { OrderDocument } from '../../activities/orders/participant.ts';
import type { AnnouncementType } from '../../domain/announcements.ts';
import type { FinalStatus } from '../../domain/order.ts';
import type { ServiceName } from '../../domain/services.ts';
import { receiversOf, subscriptions } from '../../workers/subscriptions.ts';
import { comparedById, documentsById, problem, type Violation, violated } from './checker.ts';
import type { Carrier, EventDelivery, State } from './state.ts';
import { groupsOf } from './statistics.ts';

/** Checks what must hold when no announcement is under way; an order may be final a little earlier. */
export function checkAnnouncements(state: State): Violation[] {
  const { orders, reservations, carriers, eventDeliveries } = state;
  return [
    ...orders.flatMap((order) => checkOutbox('orders', order)),
    ...reservations.flatMap((reservation) => checkOutbox('inventory', reservation)),
    ...carriers.flatMap(checkCarrier),
    ...eventDeliveries.flatMap((delivery) => checkDelivery(delivery, eventDeliveries)),
    ...checkEvents(state),
  ];
}

function checkOutbox(service: ServiceName, { _id, outbox = [] }: OrderDocument | ReservationDocument) {
  const details = `${outbox.map(({ type }) => type)} in the outbox of ${service}`;
  return violated(outbox.length > 0, 'outbox-empty', _id, details);
}

function checkCarrier({ workflowId, waiting, isBusy }: Carrier): Violation[] {
  if (waiting === undefined) return problem(DELIVERED, workflowId, 'it does not answer');
  return [
    ...violated(isBusy, DELIVERED, workflowId, 'it handles something'),
    ...waiting.flatMap(({ orderId, type, failures, lastError }) =>
      problem(DELIVERED, orderId, `${type} waits in ${workflowId} after ${failures} failures: ${lastError}`),
    ),
  ];
}

const DELIVERED = 'announcement-delivered';

/** A delivery that was stopped may have been started again. */
function checkDelivery(delivery: EventDelivery, all: readonly EventDelivery[]): Violation[] {
  const { event, workflowId, status } = delivery;
  const isMade = all.some((other) => other.workflowId === workflowId && other.status === 'done');
  if (status === 'done' || (status === 'stopped' && isMade)) return [];
  return problem(DELIVERED, event.subject, `${workflowId} is ${status}`);
}

function checkEvents({ orders, eventDeliveries }: State): Violation[] {
  const published = groupsOf(eventDeliveries, ({ event }) => event.subject);
  const bySubject = new Map(published.map((deliveries) => [deliveries[0].event.subject, deliveries]));
  return comparedById(documentsById(orders), bySubject, (subject, document, deliveries = [] as never) =>
    problem('events-agree', subject, eventsProblem(document, deliveries)),
  );
}

function eventsProblem(document: OrderDocument | undefined, deliveries: readonly EventDelivery[]) {
  const types = [...new Set(deliveries.map(({ event }) => event.type))];
  if (document?.strategy !== 'event-driven') {
    return types.length === 0 ? undefined : `${types.join(', ')} of an order that is not event-driven`;
  }
  const alien = deliveries.find(({ event }) => event.data.coordinatorId !== document.coordinatorId);
  if (alien !== undefined) return `${alien.event.type} is of another coordinator`;
  const unheard = types.flatMap((type) => withoutDelivery(type, deliveries));
  if (unheard.length > 0) return `never delivered: ${unheard.join(', ')}`;
  if (document.status === 'pending') return undefined; // another invariant's concern
  const { told, untold } = expectedEvents[document.status];
  if (told.every((type) => types.includes(type)) && !untold.some((type) => types.includes(type)))
    return undefined;
  return `${types.join(', ') || 'no events'} of an order that is ${document.status}`;
}

/** Subscribers that no delivery of this type was ever started for. */
function withoutDelivery(type: AnnouncementType, deliveries: readonly EventDelivery[]): string[] {
  const heard = deliveries.filter(({ event }) => event.type === type).map(({ subscriber }) => subscriber);
  const all = receiversOf(subscriptions, type).map(({ name }) => name);
  return all.filter((each) => !heard.includes(each)).map((each) => `${type} to ${each}`);
}

type Expected = Readonly<Record<'told' | 'untold', readonly AnnouncementType[]>>;

/** Events that must be published of an order that ended so, and that must not. A rejected one may have been reserved. */
const expectedEvents: Readonly<Record<FinalStatus, Expected>> = {
  confirmed: {
    told: ['OrderPlaced', 'StockReserved', 'OrderConfirmed', 'StockSold'],
    untold: ['StockRejected', 'OrderRejected', 'OrderCancelled', 'StockReleased'],
  },
  rejected: {
    told: ['OrderRejected', 'StockReleased'],
    untold: ['OrderConfirmed', 'OrderCancelled', 'StockSold'],
  },
  cancelled: {
    told: ['OrderCancelled', 'StockReleased'],
    untold: ['OrderConfirmed', 'OrderRejected', 'StockSold'],
  },
};
