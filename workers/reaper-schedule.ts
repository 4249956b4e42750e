import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
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
  await ensureSchedule(client, scheduleOf(settings));
}

/** Creates the schedule, or gives it these options; a pause stays. */
export async function ensureSchedule(client: Client, options: SweepSchedule): Promise<void> {
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { scheduleId, spec, action, policies } = options;
    await client.schedule.getHandle(scheduleId).update(({ state }) => ({ spec, action, policies, state }));
  }
}

/** What both the creation and an update of a schedule take. */
export type SweepSchedule = Required<Pick<ScheduleOptions, 'scheduleId' | 'spec' | 'policies'>> & {
  readonly action: ScheduleOptionsStartWorkflowAction<Workflow>;
};

function scheduleOf({ interval, holdLimit }: ReaperSettings) {
  return {
    scheduleId: REAPER_SCHEDULE,
    spec: { intervals: [{ every: interval }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'reapHolds',
      workflowId: REAPER_SCHEDULE,
      taskQueue: 'inventory',
      staticSummary: 'Settles holds that nobody else will',
      args: [holdLimit] satisfies Parameters<typeof reapHolds>,
    },
    // After an outage one sweep finds everything, so none is made up for.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
  } satisfies SweepSchedule;
}
