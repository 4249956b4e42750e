import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { SWEEP_BUDGET } from '../domain/policies.ts';

/** A workflow that Temporal starts again and again. */
export interface Sweep {
  /** Of the schedule and of the workflow, to pause or trigger it in Temporal. */
  readonly id: string;
  /** How often it runs, in milliseconds. */
  readonly interval: number;
  readonly workflowType: string;
  readonly taskQueue: string;
  readonly staticSummary: string;
  readonly args: unknown[];
}

/** Has it run for as long as Temporal does. Safe to repeat: the newest settings count, and a pause stays. */
export async function ensureSweep(client: Client, { id, interval, ...workflow }: Sweep): Promise<void> {
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

// One that nobody runs, or whose code fails, would keep every further one from beginning. A little more than a sweep may
// take, so that it says itself of what it fails. Milliseconds.
const RUN_LIMIT = SWEEP_BUDGET + 30_000;
