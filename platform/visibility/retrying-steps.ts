import type { Client, WorkflowHandle } from '@temporalio/client';
import pMap from 'p-map';
import { messageOf } from './reading.ts';

/** A step of an order that has failed at least once and is tried again. */
export interface RetryingStep {
  /** The activity, such as `inventory.prepare`; or where a message waits, such as `mailbox/1 SellStock`. */
  readonly step: string;
  /** The attempt that runs or comes next, from 2. */
  readonly attempt: number;
  readonly lastError: string;
  /** ISO 8601. */
  readonly nextAttemptAt?: string;
}

type Description = Awaited<ReturnType<WorkflowHandle['describe']>>;

/** Those of a workflow's activities that are tried again. */
export function retryingSteps(client: Client, { raw }: Pick<Description, 'raw'>): Promise<RetryingStep[]> {
  const failed = (raw.pendingActivities ?? []).filter(
    ({ lastFailure }) => lastFailure !== undefined && lastFailure !== null,
  );
  return pMap(failed, async ({ activityType, attempt, lastFailure, nextAttemptScheduleTime }) => ({
    step: activityType?.name ?? 'unknown',
    attempt: attempt ?? 1,
    lastError: await messageOf(client, lastFailure),
    ...(nextAttemptScheduleTime?.seconds
      ? { nextAttemptAt: new Date(Number(nextAttemptScheduleTime.seconds) * 1000).toISOString() }
      : {}),
  }));
}
