import { type ActivityOptions, scheduleActivity } from '@temporalio/workflow';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../activities/orders/activities.ts';
import { HEARTBEAT_TIMEOUT, policies, READ_BUDGET, SWEEP_BUDGET } from '../../domain/policies.ts';
import { summaryOf } from '../../domain/summaries.ts';

// Activities as workflows call them, typed by what workers register: a call that doesn't fit doesn't compile.

export const orders = (options: ActivityOptions) => callable<OrderActivities>('orders', options);
export const inventory = (options: ActivityOptions) => callable<InventoryActivities>('inventory', options);

/**
 * Returns the activities that the worker on this task queue registers, each with its summary for the Web UI.
 *
 * @example
 *     const activities = callable<PaymentActivities>('payment', settling);
 *     await activities['payment.commit'](request);
 */
export function callable<Activities extends object>(taskQueue: string, options: ActivityOptions): Activities {
  return new Proxy({} as Activities, {
    get:
      (_, name: string) =>
      (...input: unknown[]) =>
        scheduleActivity(name, input, { taskQueue, summary: summaryOf(name), ...options }),
  });
}

/** The options of a vote. @param budget How long all attempts may take together, in milliseconds. */
export function preparing(budget: number): ActivityOptions {
  return { ...optionsOf('prepare'), scheduleToCloseTimeout: budget };
}

/** Options of what must succeed, without limit. */
export const settling = optionsOf('settle');

/** After some attempts, which keep the history short, a batch is put back: a hopeless one keeps no others waiting. */
export const inBatches: ActivityOptions = {
  ...settling,
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { ...settling.retry, maximumAttempts: 5 },
};

/** Options of what a person waits for. */
export const reading = { ...optionsOf('read'), scheduleToCloseTimeout: READ_BUDGET };

/** Options of what is done again soon. */
export const sweeping = {
  ...optionsOf('sweep'),
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: SWEEP_BUDGET,
};

function optionsOf(kind: keyof typeof policies): ActivityOptions {
  const { attempt, firstRetry, longestRetry, priority } = policies[kind];
  return {
    startToCloseTimeout: attempt,
    priority, // the fairness key is the workflow's
    retry: { initialInterval: firstRetry, backoffCoefficient: 2, maximumInterval: longestRetry },
  };
}
