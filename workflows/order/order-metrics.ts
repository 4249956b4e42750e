import { metricMeter, workflowInfo } from '@temporalio/workflow';
import type { OrderOutcome } from '../../domain/order.ts';
import type { Strategy } from '../../domain/strategies.ts';

// The meter leaves out what is replayed, and does nothing if a worker shows no metrics.

/** True if this workflow is the order: not one that joined it later, nor one of another content that wanted its id. */
export function isCounted({ joined, reason }: OrderOutcome): boolean {
  return joined !== true && reason?.code !== 'OrderIdTaken';
}

export function recordDecision({ status }: OrderOutcome, strategy: Strategy): void {
  const seconds = (Date.now() - workflowInfo().startTime.getTime()) / 1_000;
  metricMeter
    .createHistogram('concord_order_decision_seconds', 'float', '', 'From placing an order to its decision')
    .record(Math.max(0, seconds), { outcome: status, strategy });
}

export function countOrder({ status }: OrderOutcome, strategy: Strategy): void {
  metricMeter
    .createCounter('concord_orders', '', 'Orders that every service is done with')
    .add(1, { outcome: status, strategy });
}

export function countCompensation(participant: string, strategy: Strategy): void {
  metricMeter
    .createCounter('concord_compensations', '', 'What participants have undone of orders that were refused')
    .add(1, { participant, strategy });
}

/** Call it when a sweep (label `workflowType`) has done all its work: one that fails or hangs leaves the last time. */
export function recordSweep(): void {
  metricMeter
    .createGauge('concord_sweep_succeeded_timestamp_seconds', 'float', '', 'When a sweep has last succeeded')
    .set(Date.now() / 1_000);
}
