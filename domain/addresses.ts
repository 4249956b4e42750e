import type { Order } from './order.ts';

/** The signals that services send to workflows; `workflows/order/messages.ts` says what each is for. */
export const signals = {
  reply: 'reply',
  recorded: 'recorded',
  message: 'message',
  stuckSteps: 'stuckSteps',
} as const;

export const queries = { waiting: 'waiting', lacking: 'lacking' } as const;

/** Several, so that a hot SKU's batches keep no others waiting and a receiver's workers have several to work on. */
const MAILBOXES = 4;

/** That of its first SKU, so that orders for a hot one share batches. No mailbox owns a SKU: writes have preconditions. */
export function mailboxIdOf({ lines, orderId }: Order): string {
  return `mailbox/${hashOf(lines[0]?.sku ?? orderId) % MAILBOXES}`;
}

/** The order in `order/<id>` or `resolve/<id>`; what is no order's is named by itself, such as `mailbox/<number>`. */
export const orderOf = (workflowId: string): string => workflowId.replace(/^(order|resolve)\//, '');

/** FNV-1a, 32 bit: the same everywhere and for ever. Source: Fowler, Noll and Vo. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
