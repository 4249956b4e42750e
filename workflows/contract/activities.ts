import { type ActivityOptions, scheduleActivity } from '@temporalio/workflow';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../activities/orders/activities.ts';
import { policies, READ_BUDGET, SWEEP_BUDGET } from '../../domain/policies.ts';
import { summaryOf } from '../../domain/summaries.ts';

// Activities as workflows call them, typed by what workers register: `inventory(settling)['inventory.commit'](request)`
// runs the activity of that name, and compiles only with the arguments and the result of its implementation.

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

/** Options of what a person waits for. */
export const reading = { ...optionsOf('read'), scheduleToCloseTimeout: READ_BUDGET };

/** Options of what is done again soon. */
export const sweeping = { ...optionsOf('sweep'), scheduleToCloseTimeout: SWEEP_BUDGET };

function optionsOf(kind: keyof typeof policies): ActivityOptions {
  const { attempt, firstRetry, longestRetry } = policies[kind];
  return {
    startToCloseTimeout: attempt,
    retry: { initialInterval: firstRetry, backoffCoefficient: 2, maximumInterval: longestRetry },
  };
}
