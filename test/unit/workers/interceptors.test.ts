import { once } from 'node:events';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { HEARTBEAT_TIMEOUT } from '../../../domain/policies.ts';
import { activityInterceptors } from '../../../workers/interceptors.ts';
import { inBatches, sweeping } from '../../../workflows/contract/activities.ts';

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

test.each([
  ['batch', inBatches],
  ['sweep', sweeping],
])('that the worker of a %s was killed is noticed long before its attempt is over', (_, options) => {
  const { heartbeatTimeout, startToCloseTimeout } = options;
  expect(heartbeatTimeout).toBe(HEARTBEAT_TIMEOUT);
  expect(HEARTBEAT_TIMEOUT).toBeLessThan(Number(startToCloseTimeout));
});
