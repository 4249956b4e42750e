import { createHmac } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { Order } from '../../domain/order.ts';
import { orderDetails, orderMemo, orderSummary } from '../../domain/order-text.ts';
import { indexedSkus } from '../../domain/search-attributes.ts';
import type { Strategy } from '../../domain/strategies.ts';
import { grpcErrorIn } from '../connection/grpc-error.ts';
import type { EncryptionKeys } from '../encryption/keys.ts';

/** The start options of a workflow that tell of its order. */
export type Shown = Pick<
  WorkflowStartOptions,
  'staticSummary' | 'staticDetails' | 'memo' | 'typedSearchAttributes' | 'priority'
>;

/** Starts orders with what the Web UI shows, the search attributes that lists find, and the customer's fairness key. */
export class OrderIndex {
  private readonly keys: EncryptionKeys | undefined;
  /** Until when each search attribute that the server has refused is left out. */
  private readonly leftOutUntil = new Map<string, number>();

  /** @param keys With them, customers and SKUs stay out of what Temporal can read. */
  constructor(keys?: EncryptionKeys) {
    this.keys = keys;
  }

  /** Calls `start` again without what the server refuses: an order is worth more than its place in a list. */
  async start<Result>(order: Order, strategy: Strategy, start: (shown: Shown) => Promise<Result>) {
    const shown = {
      staticSummary: orderSummary(order),
      staticDetails: orderDetails(order, strategy),
      memo: { ...orderMemo(order) },
      priority: { fairnessKey: fairnessKeyOf(order.customerId, this.keys) },
    };
    const isDue = (name: string) => Date.now() >= (this.leftOutUntil.get(name) ?? 0);
    let given = this.attributesOf(order, strategy).filter(({ key }) => isDue(key.name));
    for (;;) {
      try {
        return await start({ ...shown, typedSearchAttributes: given });
      } catch (error) {
        const refused = refusedOf(given, error);
        if (refused.length === 0) throw error;
        for (const { key } of refused) this.leftOutUntil.set(key.name, Date.now() + ASK_AGAIN);
        given = given.filter((pair) => !refused.includes(pair));
      }
    }
  }

  private attributesOf(order: Order, strategy: Strategy): SearchAttributePair[] {
    const state: SearchAttributePair[] = [
      { key: defineSearchAttributeKey('OrderStatus', 'KEYWORD'), value: 'pending' },
      { key: defineSearchAttributeKey('OrderStrategy', 'KEYWORD'), value: strategy },
      { key: defineSearchAttributeKey('OrderNeedsAttention', 'BOOL'), value: false },
    ];
    if (this.keys !== undefined) return state;
    return [
      { key: defineSearchAttributeKey('OrderCustomer', 'KEYWORD'), value: order.customerId },
      { key: defineSearchAttributeKey('OrderSkus', 'KEYWORD_LIST'), value: indexedSkus(order.lines) },
      ...state,
    ];
  }
}

/** Returns the name under which a customer takes turns, at most 64 bytes. Temporal reads it: with keys, it is no name. */
export function fairnessKeyOf(customerId: string, keys?: EncryptionKeys): string {
  if (keys === undefined) return customerId.slice(0, 64);
  return createHmac('sha256', keys[0].secret).update(`customer ${customerId}`).digest('base64url');
}

// An attribute may be registered while this client lives. Milliseconds.
const ASK_AGAIN = 60_000;

/** Those that the server refuses: it names one at a time. All, if it names none of these. */
function refusedOf(given: readonly SearchAttributePair[], error: unknown): readonly SearchAttributePair[] {
  const grpc = grpcErrorIn(error);
  // The value, which may be any text, comes after the name. Of an update with start, only the message has the words.
  const [isRefusal, name] = /search attributes? ?(\w*)/i.exec(grpc?.message ?? '') ?? [];
  if (grpc?.code !== status.INVALID_ARGUMENT || isRefusal === undefined) return [];
  const named = given.filter(({ key }) => key.name === name);
  return named.length > 0 ? named : given;
}
