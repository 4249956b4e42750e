import { z } from 'zod';
import { defined } from './defined.ts';
import type { OrderOutcome } from './order.ts';
import type { ParticipantRequest, RollbackRequest } from './participant.ts';
import { parseParticipantRequest, participantRequestFields, refusalFields } from './participant.ts';
import { invalidInput, parse } from './validation.ts';

// Services announce messages in `message-queue`, and events in `event-driven`. The inventory announces the same in both.

const orderMessages = { prepare: 'ReserveStock', commit: 'SellStock', rollback: 'ReleaseStock' } as const;
const orderEvents = {
  prepare: 'OrderPlaced',
  commit: 'OrderConfirmed',
  rollback: 'OrderRejected',
  cancel: 'OrderCancelled',
} as const;
const inventoryEvents = {
  prepare: 'StockReserved',
  refuse: 'StockRejected',
  commit: 'StockSold',
  rollback: 'StockReleased',
} as const;

export const announcementTypes = {
  '/concord/orders': [...Object.values(orderMessages), ...Object.values(orderEvents)],
  '/concord/inventory': Object.values(inventoryEvents),
};

type Source = keyof typeof announcementTypes;
export type AnnouncementType = (typeof announcementTypes)[Source][number];

/** A CloudEvent 1.0. Each type comes at most once for an order, so `id` is `<order id>/<type>`. */
export interface Announcement extends Readonly<Omit<z.output<typeof announcementSchema>, 'data'>> {
  /** The order, and who coordinates it; if it is refused, also its status and why. */
  readonly data: AnnouncementData;
}

export type AnnouncementData = ParticipantRequest & Partial<Pick<RollbackRequest, 'status' | 'reason'>>;
type End = Pick<OrderOutcome, 'status' | 'reason'>;

/** The announcement of what the order service has done; undefined in a strategy that has none. */
export function announcementOfOrders(occurrence: keyof typeof orderMessages, data: AnnouncementData) {
  const event = occurrence === 'rollback' && data.status === 'cancelled' ? 'cancel' : occurrence;
  const type = data.strategy === 'message-queue' ? orderMessages[occurrence] : orderEvents[event];
  return announce('/concord/orders', type, data);
}

/** The same of an outcome that is on record, which is told even if the request asks for another one. */
export function announcementOfOutcome(request: ParticipantRequest & Partial<End>, { status, reason }: End) {
  const { status: _askedFor, reason: _because, ...told } = request;
  if (status === 'confirmed') return announcementOfOrders('commit', told);
  return announcementOfOrders('rollback', defined({ ...told, status, reason }));
}

/** The announcement of what the inventory has done; undefined in a strategy that has none. */
export function announcementOfInventory(occurrence: keyof typeof inventoryEvents, data: AnnouncementData) {
  return announce('/concord/inventory', inventoryEvents[occurrence], data);
}

export function parseAnnouncement(input: unknown): Announcement {
  const announcement = parse(announcementSchema, input);
  const { order } = parseParticipantRequest(announcement.data);
  const id = announcementIdOf(order.orderId, announcement.type);
  if (announcement.id !== id) throw invalidInput('id', `use ${id}`);
  return { ...announcement, subject: order.orderId, data: { ...announcement.data, order } } as Announcement;
}

export const announcementIdOf = (orderId: string, type: AnnouncementType): string => `${orderId}/${type}`;

/** The order and the type in an id; an order id has no slash. */
export function partsOf(announcementId: string): [orderId: string, type: AnnouncementType] {
  const [orderId = '', type = ''] = announcementId.split('/');
  return [orderId, type as AnnouncementType];
}

/** Returns true if an announcement of this type comes after one of the other, of the same order. */
export function comesAfter(type: AnnouncementType, other: AnnouncementType): boolean {
  return stageOf(type) > stageOf(other);
}

function announce(source: Source, type: AnnouncementType, data: AnnouncementData): Announcement | undefined {
  if (data.strategy === 'two-phase') return undefined;
  const { orderId } = data.order;
  return {
    specversion: '1.0',
    id: announcementIdOf(orderId, type),
    source,
    type,
    subject: orderId,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}

const types = Object.values(announcementTypes).flat() as [AnnouncementType];
const inventoryTypes: readonly AnnouncementType[] = announcementTypes['/concord/inventory'];

function stageOf(type: AnnouncementType): number {
  if (type === 'ReserveStock' || type === 'OrderPlaced') return 0;
  if (type === 'StockReserved' || type === 'StockRejected') return 1;
  return inventoryTypes.includes(type) ? 3 : 2;
}

// An order id has at most 100 characters, and a type 15.
const idSchema = z.string().max(200);

/** The schema of an announcement's id: a function, as `identifier` is. */
export const announcementId = () => idSchema;

const announcementSchema = z.strictObject({
  specversion: z.literal('1.0'),
  id: announcementId(),
  source: z.enum(Object.keys(announcementTypes) as [Source]),
  type: z.enum(types, 'use a type that a service announces'),
  /** The order id. */
  subject: z.string().max(100),
  /** When it was written, in ISO 8601, by the writer's clock. */
  time: z.string().max(40),
  datacontenttype: z.literal('application/json'),
  data: z.strictObject({ ...participantRequestFields(), ...z.object(refusalFields()).partial().shape }),
});
