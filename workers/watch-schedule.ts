import type { Client } from '@temporalio/client';
import { WATCH_INTERVAL } from '../domain/policies.ts';
import { ensureSweep } from './sweep-schedule.ts';

/** The schedule's id in Temporal, to pause or trigger it there. */
export const WATCH_SCHEDULE = 'watch-orders';

/** Has orders that don't get on told of it, for as long as Temporal does. Safe to repeat; a pause stays. */
export function ensureWatchSchedule(client: Client): Promise<void> {
  return ensureSweep(client, {
    id: WATCH_SCHEDULE,
    interval: WATCH_INTERVAL,
    workflowType: 'watchOrders',
    taskQueue: 'orders',
    staticSummary: 'Tells orders that do not get on what is wrong with them',
    args: [{}],
  });
}
