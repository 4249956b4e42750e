import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { reapHolds } from '../workflows/inventory.ts';

/** How the reaper works. Milliseconds. */
export interface ReaperSettings {
  /** How often it looks. */
  readonly interval: number;
  /** How old a hold is before it is looked at. */
  readonly holdLimit: number;
}

/** The schedule's id in Temporal, to pause or trigger it there. */
export const REAPER_SCHEDULE = 'reap-holds';

/** Has the reaper run for as long as Temporal does. Safe to repeat: the newest settings count, and a pause stays. */
export async function ensureReaperSchedule(client: Client, settings: ReaperSettings): Promise<void> {
  const options = scheduleOf(settings);
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, action, policies } = options;
    await client.schedule
      .getHandle(REAPER_SCHEDULE)
      .update(({ state }) => ({ spec, action, policies, state }));
  }
}

function scheduleOf({ interval, holdLimit }: ReaperSettings) {
  return {
    scheduleId: REAPER_SCHEDULE,
    spec: { intervals: [{ every: interval }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'reapHolds',
      workflowId: REAPER_SCHEDULE,
      taskQueue: 'inventory',
      args: [holdLimit] satisfies Parameters<typeof reapHolds>,
    },
    // After an outage one sweep finds everything, so none is made up for.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
  } satisfies ScheduleOptions;
}
