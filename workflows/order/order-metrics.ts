import { metricMeter, workflowInfo } from '@temporalio/workflow';
import type { OrderOutcome } from '../../domain/order.ts';
import type { Strategy } from '../../domain/strategies.ts';

// What is counted of orders. The meter leaves out what is replayed, and does nothing where a worker shows no metrics.

/** An order is decided: how long after it was placed. */
export function recordDecision({ status }: OrderOutcome, strategy: Strategy): void {
  const seconds = (Date.now() - workflowInfo().startTime.getTime()) / 1_000;
  metricMeter
    .createHistogram('concord_order_decision_seconds', 'float', '', 'From placing an order to its decision')
    .record(Math.max(0, seconds), { outcome: status, strategy });
}

/** Every service is done with an order. */
export function countOrder({ status }: OrderOutcome, strategy: Strategy): void {
  metricMeter
    .createCounter('concord_orders', '', 'Orders that every service is done with')
    .add(1, { outcome: status, strategy });
}

/** A participant has undone its part of an order that was refused. */
export function countCompensation(participant: string, strategy: Strategy): void {
  metricMeter
    .createCounter('concord_compensations', '', 'What participants have undone of orders that were refused')
    .add(1, { participant, strategy });
}

/** A sweep has done all that it is for; the label `workflowType` says which. One that fails or hangs leaves the last time. */
export function recordSweep(): void {
  metricMeter
    .createGauge('concord_sweep_succeeded_timestamp_seconds', 'float', '', 'When a sweep has last succeeded')
    .set(Date.now() / 1_000);
}
