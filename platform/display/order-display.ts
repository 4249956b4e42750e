import { status } from '@grpc/grpc-js';
import { isGrpcServiceError, type WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Order } from '../../domain/order.ts';
import { orderDetails, orderMemo, orderSummary } from '../../domain/order-text.ts';
import { indexedSkus } from '../../domain/search-attributes.ts';
import type { Strategy } from '../../domain/strategies.ts';

/** The start options of a workflow that people read. */
export type Shown = Pick<
  WorkflowStartOptions,
  'staticSummary' | 'staticDetails' | 'memo' | 'typedSearchAttributes'
>;

/** Starts orders with what the Web UI shows of them, and with the search attributes by which lists find them. */
export class OrderIndex {
  private readonly isEncrypted: boolean;
  private unknownUntil = 0;

  /** @param isEncrypted Temporal can read the search attributes, so customers and SKUs then stay out of them. */
  constructor(isEncrypted: boolean) {
    this.isEncrypted = isEncrypted;
  }

  /**
   * An order is worth more than its place in a list: if the namespace lacks the search attributes (see `concord doctor`),
   * the server has accepted nothing, and the order is started without them.
   *
   * @param start Called once more if the server refuses the attributes.
   */
  async start<Result>(order: Order, strategy: Strategy, start: (shown: Shown) => Promise<Result>) {
    const staticDetails = orderDetails(order, strategy);
    const shown = { staticSummary: orderSummary(order), staticDetails, memo: { ...orderMemo(order) } };
    if (Date.now() < this.unknownUntil) return start(shown);
    const content = [
      { key: defineSearchAttributeKey('OrderCustomer', 'KEYWORD'), value: order.customerId },
      { key: defineSearchAttributeKey('OrderSkus', 'KEYWORD_LIST'), value: indexedSkus(order.lines) },
    ];
    const state = [
      { key: defineSearchAttributeKey('OrderStatus', 'KEYWORD'), value: 'pending' },
      { key: defineSearchAttributeKey('OrderStrategy', 'KEYWORD'), value: strategy },
      { key: defineSearchAttributeKey('OrderNeedsAttention', 'BOOL'), value: false },
    ];
    try {
      return await start({
        ...shown,
        typedSearchAttributes: [...(this.isEncrypted ? [] : content), ...state],
      });
    } catch (error) {
      if (!refusesAttributes(error)) throw error;
      this.unknownUntil = Date.now() + ASK_AGAIN;
      return start(shown);
    }
  }
}

// The attributes may be registered while this client lives. Milliseconds.
const ASK_AGAIN = 60_000;

function refusesAttributes(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause))
      return cause.code === status.INVALID_ARGUMENT && /search attribute/i.test(cause.details);
  }
  return false;
}
