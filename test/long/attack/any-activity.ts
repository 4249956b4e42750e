import { scheduleActivity } from '@temporalio/workflow';

/** What somebody else's workflow can do to a service whose task queue it reaches. */
export function anyActivity(type: string, taskQueue: string, args: unknown[]): Promise<unknown> {
  return scheduleActivity(type, args, {
    taskQueue,
    startToCloseTimeout: '10 seconds',
    retry: { maximumAttempts: 1 },
  });
}
