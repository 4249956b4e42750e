import type { ReservationDocument } from '../../activities/inventory/documents.ts';
import type { OrderDocument } from '../../activities/orders/participant.ts';
import type { Publication } from '../../client/event-book.ts';
import type { AnnouncementType } from '../../domain/announcements.ts';
import type { FinalStatus } from '../../domain/order.ts';
import type { ServiceName } from '../../domain/services.ts';
import { receiversOf, subscriptions } from '../../workers/subscriptions.ts';
import { comparedById, documentsById, problem, type Violation, violated } from './checker.ts';
import type { Mailbox, State } from './state.ts';
import { groupedBy } from './statistics.ts';

/** Checks what must hold when no announcement is under way; an order may be final a little earlier. */
export function checkAnnouncements(state: State): Violation[] {
  const { orders, reservations, mailboxes, events } = state;
  return [
    ...orders.flatMap((order) => checkOutbox('orders', order)),
    ...reservations.flatMap((reservation) => checkOutbox('inventory', reservation)),
    ...mailboxes.flatMap(checkMailbox),
    ...events.flatMap(checkDeliveries),
    ...checkEvents(state),
  ];
}

function checkOutbox(service: ServiceName, { _id, outbox = [] }: OrderDocument | ReservationDocument) {
  const details = `${outbox.map(({ type }) => type)} in the outbox of ${service}`;
  return violated(outbox.length > 0, 'outbox-empty', _id, details);
}

function checkMailbox({ workflowId, waiting, isBusy }: Mailbox): Violation[] {
  if (waiting === undefined) return problem(DELIVERED, workflowId, 'it does not answer');
  return [
    ...violated(isBusy, DELIVERED, workflowId, 'it handles something'),
    ...waiting.flatMap(({ orderId, type, failures, lastError }) =>
      problem(DELIVERED, orderId, `${type} waits in ${workflowId} after ${failures} failures: ${lastError}`),
    ),
  ];
}

const DELIVERED = 'announcement-delivered';

function checkDeliveries({ event, deliveries }: Publication): Violation[] {
  const waiting = deliveries.filter(({ state }) => state === 'waiting');
  return waiting.flatMap(({ subscriber, lastError }) =>
    problem(DELIVERED, event.subject, `${event.type} not to ${subscriber}: ${lastError}`),
  );
}

function checkEvents({ orders, events }: State): Violation[] {
  const bySubject = groupedBy(events, ({ event }) => event.subject);
  return comparedById(documentsById(orders), bySubject, (subject, document, ofOrder) =>
    problem('events-agree', subject, eventsProblem(document, ofOrder)),
  );
}

function eventsProblem(document: OrderDocument | undefined, events: readonly Publication[] = []) {
  const types = events.map(({ event }) => event.type);
  if (document?.strategy !== 'event-driven') {
    return types.length === 0 ? undefined : `${types.join(', ')} of an order that is not event-driven`;
  }
  const alien = events.find(({ event }) => event.data.coordinatorId !== document.coordinatorId);
  if (alien !== undefined) return `${alien.event.type} is of another coordinator`;
  const unheard = events.flatMap(withoutDelivery);
  if (unheard.length > 0) return `never delivered: ${unheard.join(', ')}`;
  if (document.status === 'pending') return undefined; // another invariant's concern
  const { told, untold } = expectedEvents[document.status];
  const has = (type: AnnouncementType) => types.includes(type);
  if (told.every(has) && !untold.some(has)) return undefined;
  return `${types.join(', ') || 'no events'} of an order that is ${document.status}`;
}

function withoutDelivery({ event: { type }, deliveries }: Publication): string[] {
  const all = receiversOf(subscriptions, type).map(({ name }) => name);
  const reached = deliveries.map(({ subscriber }) => subscriber);
  return all.filter((each) => !reached.includes(each)).map((each) => `${type} to ${each}`);
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
