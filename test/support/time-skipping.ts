import { TestWorkflowEnvironment } from '@temporalio/testing';
import pRetry from 'p-retry';
import { inject } from 'vitest';
import { createWorkers, type Workers } from './platform.ts';

export interface TimeSkipping extends AsyncDisposable {
  readonly environment: TestWorkflowEnvironment;
  readonly workers: Workers;
}

/** A Temporal test server that skips time. */
export function startTimeSkippingServer(): Promise<TestWorkflowEnvironment> {
  const server = { executable: inject('timeSkippingServer') };
  // The SDK's own connection to it would be sent through a proxy, if the environment names one.
  process.env.no_grpc_proxy ??= '127.0.0.1,localhost';
  // The SDK waits 5 seconds for it, which is too short for a Java program on a machine that is busy.
  return pRetry(() => TestWorkflowEnvironment.createTimeSkipping({ server }), { retries: 3 });
}

/** The same, and workers on real databases; none of them runs yet. */
export async function startTimeSkipping(): Promise<TimeSkipping> {
  const environment = await startTimeSkippingServer();
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
