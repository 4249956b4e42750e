import type { ReservationDocument } from '../../activities/inventory/documents.ts';
import type { OrderDocument } from '../../activities/orders/participant.ts';
import type { AnnouncementType } from '../../domain/announcements.ts';
import type { FinalStatus } from '../../domain/order.ts';
import { subscribersOf, subscriptions } from '../../workers/subscriptions.ts';
import type { Carrier, EventDelivery } from './carriers.ts';
import { comparedById, documentsById, problem, type Violation } from './checker.ts';
import type { State } from './state.ts';
import { groupsOf } from './statistics.ts';

/** What must hold when nothing is under way that was announced: an order may be final a little earlier. */
export function checkAnnouncements(state: State): Violation[] {
  return [
    ...checkOutboxes(state),
    ...state.carriers.flatMap(checkCarrier),
    ...state.eventDeliveries.flatMap((delivery) => checkDelivery(delivery, state.eventDeliveries)),
    ...checkEvents(state),
  ];
}

function checkOutboxes({ orders, reservations }: State): Violation[] {
  const left = (service: string, documents: readonly (OrderDocument | ReservationDocument)[]) =>
    documents.flatMap(({ _id, outbox = [] }) =>
      outbox.length === 0
        ? []
        : problem('outbox-empty', _id, `${outbox.map(({ type }) => type)} in the outbox of ${service}`),
    );
  return [...left('orders', orders), ...left('inventory', reservations)];
}

function checkCarrier({ workflowId, waiting, isBusy }: Carrier): Violation[] {
  if (waiting === undefined) return problem(DELIVERED, workflowId, 'it does not answer');
  return [
    ...(isBusy ? problem(DELIVERED, workflowId, 'it handles something') : []),
    ...waiting.flatMap(({ orderId, type, failures, lastError }) =>
      problem(DELIVERED, orderId, `${type} waits in ${workflowId} after ${failures} failures: ${lastError}`),
    ),
  ];
}

const DELIVERED = 'announcement-delivered';

/** One that was stopped may have been started again. */
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

function eventsProblem(
  document: OrderDocument | undefined,
  deliveries: readonly EventDelivery[],
): string | undefined {
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
  const isAsExpected =
    told.every((type) => types.includes(type)) && !untold.some((type) => types.includes(type));
  return isAsExpected
    ? undefined
    : `${types.join(', ') || 'no events'} of an order that is ${document.status}`;
}

/** Subscribers of this type that no delivery was ever started for. */
function withoutDelivery(type: AnnouncementType, deliveries: readonly EventDelivery[]): string[] {
  const heard = deliveries.filter(({ event }) => event.type === type).map(({ subscriber }) => subscriber);
  const all = subscribersOf(subscriptions, type).map(({ subscriber }) => subscriber);
  return all
    .filter((subscriber) => !heard.includes(subscriber))
    .map((subscriber) => `${type} to ${subscriber}`);
}

/**
 * What must, and what must not, have been published of an order that ended so. A refused one may have been refused
 * before its stock was asked for, or after it was reserved.
 */
const expectedEvents: Readonly<Record<FinalStatus, Record<'told' | 'untold', readonly AnnouncementType[]>>> =
  {
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
