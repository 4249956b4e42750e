import fc from 'fast-check';
import { expect, inject, test } from 'vitest';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import { policies } from '../../../domain/policies.ts';
import { poolOf, slotsOf } from '../../../workers/limits.ts';
import { readSettings } from '../../../workers/settings.ts';

const settings = fc.record({
  MAXIMUM_ACTIVITIES: fc.integer({ min: 1, max: 1_000 }).map(String),
  MAXIMUM_WORKFLOW_TASKS: fc.integer({ min: 2, max: 1_000 }).map(String),
  CACHED_WORKFLOWS: fc.integer({ min: 1_000, max: 100_000 }).map(String),
  MAXIMUM_POLLERS: fc.integer({ min: 2, max: 100 }).map(String),
});

test('whatever is set, the pool has a connection for each activity and for the health check, and no poll lacks a slot', () => {
  fc.assert(
    fc.property(settings, (variables) => {
      const { limits } = readSettings(variables);
      const slots = slotsOf(limits);
      expect(slots.maxConcurrentActivityTaskExecutions).toBe(Number(variables.MAXIMUM_ACTIVITIES));
      expect(slots.maxConcurrentWorkflowTaskExecutions).toBe(Number(variables.MAXIMUM_WORKFLOW_TASKS));
      expect(slots.maxCachedWorkflows).toBe(Number(variables.CACHED_WORKFLOWS));
      expect(poolOf(limits).size).toBeGreaterThan(slots.maxConcurrentActivityTaskExecutions);
      expect(slots.activityTaskPollerBehavior.maximum).toBeLessThanOrEqual(
        slots.maxConcurrentActivityTaskExecutions,
      );
      expect(slots.workflowTaskPollerBehavior.maximum).toBeLessThanOrEqual(
        slots.maxConcurrentWorkflowTaskExecutions,
      );
    }),
  );
});

test('who waits for a connection gives up before any attempt is given up', () => {
  const { waitLimit } = poolOf(readSettings({}).limits);
  for (const { attempt } of Object.values(policies)) expect(waitLimit).toBeLessThan(attempt);
});

test('a call that gets no connection fails, and says that it waited for one', async () => {
  const client = createMongoClient(inject('mongodbUri'), 'concord-test', { size: 1, waitLimit: 1 });
  try {
    const pings = Array.from({ length: 50 }, () => client.db('admin').command({ ping: 1 }));
    const answers = await Promise.allSettled(pings);
    const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
    expect(reasons).not.toEqual([]);
    for (const reason of reasons) expect(reason).toMatchObject({ name: 'MongoWaitQueueTimeoutError' });
  } finally {
    await client.close();
  }
});
