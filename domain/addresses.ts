import type { Announcement } from './announcements.ts';
import type { Order } from './order.ts';

/** The ids of the workflows that carry announcements, and the names of the signals and queries that they and orders take. */
export const signals = {
  /** To an order's workflow: what the inventory answers. */
  reply: 'reply',
  /** To an order's workflow: what the order service has on record. */
  recorded: 'recorded',
  /** To an order's workflow: that it shall say again what it waits to be answered. */
  sayAgain: 'sayAgain',
  /** To a mailbox: a message for the inventory. */
  message: 'message',
  /** To a relay: an order whose outbox has something to publish. */
  wake: 'wake',
  /** To an order's workflow: steps of it that are stuck. */
  stuckSteps: 'stuckSteps',
} as const;

export const queries = {
  /** Of a mailbox or relay: what waits in it. */
  waiting: 'waiting',
} as const;

/** So that a hot SKU's batches don't wait for the others' and an inventory worker has several to work on. */
const MAILBOXES = 4;

/**
 * The mailbox of the inventory that takes this order's messages: that of its first SKU, so that orders for one hot SKU
 * share batches. It handles all lines: every write carries its own precondition, so no mailbox owns a SKU, and an order
 * whose lines belong to several is all or nothing without a further protocol.
 */
export function mailboxIdOf({ lines, orderId }: Order): string {
  return `mailbox/${hashOf(lines[0]?.sku ?? orderId) % MAILBOXES}`;
}

/** The workflow that publishes a service's outboxes. */
export function relayIdOf(service: string): string {
  return `relay/${service}`;
}

/** The workflow that hands one event to one subscriber. */
export function deliveryIdOf({ id }: Pick<Announcement, 'id'>, subscriber: string): string {
  return `event/${id}/${subscriber}`;
}

/** The order in `order/<id>`, `resolve/<id>` or `event/<id>/<type>/<subscriber>`. */
export function orderOf(workflowId: string): string {
  return workflowId.split('/')[1] ?? workflowId;
}

/** FNV-1a, 32 bit: the same everywhere and for ever. Source: Fowler, Noll and Vo. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash;
}
