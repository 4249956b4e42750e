import type { Logger } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  createEnding,
  createRunningActivities,
  runAll,
  STOP_LIMITS,
  unfinishedOf,
} from '../../../workers/ending.ts';
import type { Hosted } from '../../../workers/health.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('activities are cancelled before they are given up, and all is over before a process manager kills', () => {
  const { grace, force, process } = STOP_LIMITS;
  expect([process, force, grace, 30_000].toSorted((a, b) => a - b)).toEqual([grace, force, process, 30_000]);
});

test('a process that is to end exits by 4 once its time is over, and says what it has given up', async () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const fatal = vi.fn();
  const draining = { getState: () => 'DRAINING', getStatus: () => ({ numInFlightWorkflowActivations: 0 }) };
  const hosted = [{ service: { name: 'orders' }, worker: draining }] as unknown as Hosted[];
  const ending = createEnding({ hosted }, { fatal } as unknown as Logger);
  ending.begin();
  await vi.advanceTimersByTimeAsync(STOP_LIMITS.process - 1);
  ending.begin(); // a second signal gives no more time
  expect(exit).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(exit).toHaveBeenCalledExactlyOnceWith(4);
  const unfinished = ['the worker of orders: DRAINING'];
  expect(fatal).toHaveBeenCalledWith({ unfinished }, expect.stringContaining('did not return'));
  exit.mockRestore();
});

test('a worker that fails but does not return ends the others at once, not after it', async () => {
  const [hangs, other] = [fakeWorker(), fakeWorker()];
  const onEnding = vi.fn();
  const ended = runAll([hangs, other], onEnding);
  hangs.become('DRAINING');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(other.shutdown).toHaveBeenCalledTimes(1);
  expect(onEnding).toHaveBeenCalled();
  other.end();
  hangs.fail(new Error('a fatal error'));
  await expect(ended).rejects.toThrow('a fatal error');
});

test('the first failure is the one that is told, once all have ended', async () => {
  const [first, second] = [fakeWorker(), fakeWorker()];
  const ended = runAll([second, first], () => {});
  first.fail(new Error('the cause'));
  second.fail(new Error('the consequence'));
  await expect(ended).rejects.toThrow('the cause');
});

test('an activity counts as running until it returns or fails, and is named with its order and attempt', async () => {
  const { interceptor, names } = createRunningActivities();
  const info = { activityType: 'orders.decide', workflowExecution: { workflowId: 'order/1' }, attempt: 2 };
  const { inbound } = interceptor({ info } as never);
  const failing = inbound?.execute?.({} as never, () => Promise.reject(new Error('it fails')));
  expect(names()).toEqual(['orders.decide of order/1, attempt 2']);
  await expect(failing).rejects.toThrow('it fails');
  expect(names()).toEqual([]);
});

test.each([
  ['DRAINING', 0, ['the worker of orders: DRAINING']],
  ['FAILED', 2, ['2 workflow tasks of orders']],
  ['STOPPED', 0, []],
])('of a worker that is %s with %i workflow tasks, this is unfinished: %j', (state, tasks, expected) => {
  const worker = { getState: () => state, getStatus: () => ({ numInFlightWorkflowActivations: tasks }) };
  expect(unfinishedOf({ service: { name: 'orders' }, worker } as unknown as Hosted)).toEqual(expected);
});

/** A worker that runs, and ends as it is told. */
function fakeWorker() {
  let state = 'RUNNING';
  let settle: (failure?: Error) => void = () => {};
  const run = new Promise<void>((resolve, reject) => {
    settle = (failure) => (failure === undefined ? resolve() : reject(failure));
  });
  const become = (next: string) => {
    state = next;
  };
  const worker = {
    getState: () => state,
    getStatus: () => ({}),
    run: () => run,
    shutdown: vi.fn(() => become('STOPPING')),
    become,
    end() {
      become('STOPPED');
      settle();
    },
    fail(error: Error) {
      become('FAILED');
      settle(error);
    },
  };
  return worker as unknown as typeof worker & Hosted['worker'];
}
