import { status } from '@grpc/grpc-js';
import { isGrpcServiceError, type WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { Order } from '../../domain/order.ts';
import { orderDetails, orderMemo, orderSummary } from '../../domain/order-text.ts';
import { indexedSkus } from '../../domain/search-attributes.ts';
import type { Strategy } from '../../domain/strategies.ts';

/** What a workflow is started with for people to read. */
export type Shown = Pick<
  WorkflowStartOptions,
  'staticSummary' | 'staticDetails' | 'memo' | 'typedSearchAttributes'
>;

/** What the Web UI shows of a workflow that is about an order, from its start on. */
export function displayOf(order: Order, strategy: Strategy): Omit<Shown, 'typedSearchAttributes'> {
  return {
    staticSummary: orderSummary(order),
    staticDetails: orderDetails(order, strategy),
    memo: { ...orderMemo(order) },
  };
}

/** Starts orders so that lists can ask for them, where the server knows how. */
export class OrderIndex {
  private readonly isEncrypted: boolean;
  private unknownUntil = 0;

  /** @param isEncrypted What Temporal compares it can read: then lists can't ask for customers and SKUs. */
  constructor(isEncrypted: boolean) {
    this.isEncrypted = isEncrypted;
  }

  /**
   * An order is worth more than its place in a list: where the namespace lacks the search attributes (see `concord
   * doctor`), the server has accepted nothing, and the order is started without them.
   *
   * @param start Is called once more where the server refuses the attributes.
   */
  async start<Result>(
    order: Order,
    strategy: Strategy,
    start: (shown: Shown) => Promise<Result>,
  ): Promise<Result> {
    const shown = displayOf(order, strategy);
    if (Date.now() < this.unknownUntil) return start(shown);
    try {
      const content = this.isEncrypted ? [] : contentOf(order);
      return await start({ ...shown, typedSearchAttributes: [...content, ...stateOf(strategy)] });
    } catch (error) {
      if (!refusesAttributes(error)) throw error;
      this.unknownUntil = Date.now() + ASK_AGAIN;
      return start(shown);
    }
  }
}

// They may be registered while this client lives. Milliseconds.
const ASK_AGAIN = 60_000;

function contentOf(order: Order): SearchAttributePair[] {
  return [
    { key: defineSearchAttributeKey('OrderCustomer', 'KEYWORD'), value: order.customerId },
    { key: defineSearchAttributeKey('OrderSkus', 'KEYWORD_LIST'), value: indexedSkus(order.lines) },
  ];
}

function stateOf(strategy: Strategy): SearchAttributePair[] {
  return [
    { key: defineSearchAttributeKey('OrderStatus', 'KEYWORD'), value: 'pending' },
    { key: defineSearchAttributeKey('OrderStrategy', 'KEYWORD'), value: strategy },
    { key: defineSearchAttributeKey('OrderNeedsAttention', 'BOOL'), value: false },
  ];
}

function refusesAttributes(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause))
      return cause.code === status.INVALID_ARGUMENT && /search attribute/i.test(cause.details);
  }
  return false;
}
