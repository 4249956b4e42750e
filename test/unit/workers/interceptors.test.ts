import { once } from 'node:events';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { BATCH_HEARTBEAT } from '../../../domain/policies.ts';
import { activityInterceptors } from '../../../workers/interceptors.ts';
import { inBatches } from '../../../workflows/contract/activities.ts';

test('an activity that is to say that its worker lives does so for as long as it runs', {
  timeout: 10_000,
}, async () => {
  const environment = new MockActivityEnvironment(
    { heartbeatTimeoutMs: 200 },
    { interceptors: [activityInterceptors] },
  );
  await environment.run(async () => {
    await once(environment, 'heartbeat');
    await once(environment, 'heartbeat');
  });
});

test('a batch is noticed by its heartbeat when its worker is killed, long before its attempt is over', () => {
  const { heartbeatTimeout, startToCloseTimeout } = inBatches;
  expect(heartbeatTimeout).toBe(BATCH_HEARTBEAT);
  expect(BATCH_HEARTBEAT).toBeLessThan(Number(startToCloseTimeout));
});
