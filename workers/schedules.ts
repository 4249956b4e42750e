import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { SWEEP_BUDGET, WATCH_INTERVAL } from '../domain/policies.ts';
import type { reapHolds } from '../workflows/inventory.ts';
import type { WorkerSettings } from './settings.ts';

/** A workflow that Temporal starts again and again. */
export interface Schedule {
  /** Of the schedule and of the workflow, to pause or trigger it in Temporal. */
  readonly id: string;
  /** How often it runs, in milliseconds. */
  readonly interval: number;
  readonly workflowType: string;
  readonly taskQueue: string;
  readonly staticSummary: string;
  readonly args: unknown[];
}

export function reaperSchedule({ interval, holdLimit }: WorkerSettings['reaper']): Schedule {
  return {
    id: 'reap-holds',
    interval,
    workflowType: 'reapHolds',
    taskQueue: 'inventory',
    staticSummary: 'Settles holds that nobody else will, and publishes what was left behind',
    args: [holdLimit] satisfies Parameters<typeof reapHolds>,
  };
}

export const watchSchedule: Schedule = {
  id: 'watch-orders',
  interval: WATCH_INTERVAL,
  workflowType: 'watchOrders',
  taskQueue: 'orders',
  staticSummary: 'Tells stuck orders what is wrong with them, and publishes what was left behind',
  args: [{}],
};

/** Creates the schedule, or brings it up to date. Safe to repeat: a paused one stays paused. */
export async function ensureSchedule(client: Client, { id, interval, ...workflow }: Schedule): Promise<void> {
  const options = {
    spec: { intervals: [{ every: interval }] },
    action: { type: 'startWorkflow', workflowId: id, workflowRunTimeout: RUN_LIMIT, ...workflow } as const,
    // After an outage one sweep finds everything, so none is made up for.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' } as const,
  };
  try {
    await client.schedule.create({ scheduleId: id, ...options });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(id).update(({ state }) => ({ ...options, state }));
  }
}

// A sweep that nobody runs, or whose code fails, would keep every further one from beginning. A little more than a sweep
// may take, so that it reports its failure itself. Milliseconds.
const RUN_LIMIT = SWEEP_BUDGET + 30_000;
