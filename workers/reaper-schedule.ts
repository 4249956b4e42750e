import type { Client } from '@temporalio/client';
import type { reapHolds } from '../workflows/inventory.ts';
import { ensureSweep } from './sweep-schedule.ts';

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
export function ensureReaperSchedule(client: Client, { interval, holdLimit }: ReaperSettings): Promise<void> {
  return ensureSweep(client, {
    id: REAPER_SCHEDULE,
    interval,
    workflowType: 'reapHolds',
    taskQueue: 'inventory',
    staticSummary: 'Settles holds that nobody else will',
    args: [holdLimit] satisfies Parameters<typeof reapHolds>,
  });
}
