import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { healthChecks, PATIENCE, type Started } from '../../../workers/health.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a database that hangs is asked by one check at a time, and every check says no within two seconds', async () => {
  const ping = vi.fn(() => new Promise(() => {}));
  const checks = healthChecks(hosting(ping));
  const answers = Promise.allSettled(Array.from({ length: 20 }, () => checks.health()));
  await vi.advanceTimersByTimeAsync(PATIENCE);
  for (const answer of await answers) expect(answer.status).toBe('rejected');
  expect(PATIENCE).toBeLessThan(2_000);
  expect(ping).toHaveBeenCalledTimes(1);
});

test('a database that answers again is asked anew', async () => {
  const ping = vi.fn(async () => {});
  ping.mockReturnValueOnce(new Promise(() => {}));
  const checks = healthChecks(hosting(ping));
  const first = expect(checks.health()).rejects.toThrow('no answer');
  await vi.advanceTimersByTimeAsync(PATIENCE);
  await first;
  expect(await checks.health()).toBe(true);
  expect(await checks.health()).toBe(true);
  expect(ping).toHaveBeenCalledTimes(3);
});

test('one of two databases that hangs is enough to say no', async () => {
  const well = hosting(async () => {});
  const hangs = hosting(() => new Promise(() => {}));
  const health = expect(
    healthChecks({ hosted: [...well.hosted, ...hangs.hosted] }).health(),
  ).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(PATIENCE);
  await health;
});

test('a Temporal that hangs makes a worker unready within two seconds, also where no deadline of a call holds', async () => {
  const started = hosting(async () => {});
  const hangs = { withDeadline: () => new Promise<never>(() => {}) };
  const checks = healthChecks({ ...started, connection: { ...hangs, workflowService: {} as never } });
  const ready = expect(checks.ready()).rejects.toThrow('no answer');
  await vi.advanceTimersByTimeAsync(PATIENCE);
  await ready;
  expect(await checks.health()).toBe(true);
});

test.each(['STOPPING', 'DRAINING'] as const)(
  'a worker that is %s is live, and neither ready nor healthy',
  async (state) => {
    const checks = healthChecks(hosting(async () => {}, state));
    expect([checks.live(), await checks.ready(), await checks.health()]).toEqual([true, false, false]);
  },
);

function hosting(ping: () => Promise<unknown>, state = 'RUNNING'): Started {
  const worker = { getState: () => state, getStatus: () => ({}) };
  return {
    hosted: [{ service: {}, worker, mongo: { db: () => ({ command: ping }) } }],
  } as unknown as Started;
}
