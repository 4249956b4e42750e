import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import { WATCH_INTERVAL } from '../domain/policies.ts';
import { ensureSchedule } from './reaper-schedule.ts';

/** The schedule's id in Temporal, to pause or trigger it there. */
export const WATCH_SCHEDULE = 'watch-orders';

/** Has orders that don't get on told of it, for as long as Temporal does. Safe to repeat; a pause stays. */
export function ensureWatchSchedule(client: Client): Promise<void> {
  return ensureSchedule(client, {
    scheduleId: WATCH_SCHEDULE,
    spec: { intervals: [{ every: WATCH_INTERVAL }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'watchOrders',
      workflowId: WATCH_SCHEDULE,
      taskQueue: 'orders',
      args: [{}],
      staticSummary: 'Tells orders that do not get on what is wrong with them',
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
  });
}
