import { TestWorkflowEnvironment } from '@temporalio/testing';
import { inject } from 'vitest';
import { createWorkers, type Workers } from './platform.ts';

export interface TimeSkipping extends AsyncDisposable {
  readonly environment: TestWorkflowEnvironment;
  readonly workers: Workers;
}

/** A Temporal test server that skips time, and workers on real databases; none of them runs yet. */
export async function startTimeSkipping(): Promise<TimeSkipping> {
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: inject('timeSkippingServer') },
  });
  const workers = await createWorkers(environment.nativeConnection, environment.namespace ?? 'default');
  return {
    environment,
    workers,
    async [Symbol.asyncDispose]() {
      await workers[Symbol.asyncDispose]();
      await environment.teardown();
    },
  };
}
