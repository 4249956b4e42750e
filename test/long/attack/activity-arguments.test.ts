import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../support/platform.ts';
import {
  damaged,
  everything,
  expectAlive,
  expectPresentable,
  fieldsOfOrder,
  fits,
  hostileValues,
  isIdentifier,
  SEED,
} from '../../system/attack/hostile.ts';

// Whoever reaches Temporal can have a workflow of their own ask our activities for anything.

let platform: Platform;
let connection: NativeConnection;
let worker: Worker;
let ended: Promise<void>;

beforeAll(async () => {
  platform = await startPlatform();
  connection = await NativeConnection.connect({ address: platform.address });
  worker = await Worker.create({
    connection,
    namespace: platform.namespace,
    taskQueue: 'attack',
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./any-activity.ts', import.meta.url)),
      logger: new DefaultLogger('WARN'),
    }),
  });
  ended = worker.run();
});

afterAll(async () => {
  worker.shutdown();
  await ended;
  await connection.close();
  await platform[Symbol.asyncDispose]();
});

afterEach(() => expectAlive(platform));

/** What comes of an activity: its answer, or the type of its failure. */
async function endingOf(activity: string, argument: unknown): Promise<unknown> {
  const [taskQueue] = activity.split('.');
  try {
    return await platform.concord.client.workflow.execute('anyActivity', {
      taskQueue: 'attack',
      workflowId: `attack/${randomUUID()}`,
      args: [activity, taskQueue, [argument]],
    });
  } catch (error) {
    if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ActivityFailure)) throw error;
    const { cause } = error.cause;
    expectPresentable(String(cause?.message));
    return cause instanceof ApplicationFailure ? cause.type : cause?.name;
  }
}

/** Asks for all of them at once, and checks each answer; none may write. */
async function ask(
  activity: string,
  values: readonly unknown[],
  check: (ending: unknown, message: string) => void,
): Promise<void> {
  const before = await everything(platform);
  const endings = await Promise.all(values.map((value) => endingOf(activity, value)));
  for (const [index, ending] of endings.entries()) {
    const shown = inspect(values[index], { depth: 5, maxStringLength: 100, maxArrayLength: 5 }).slice(0, 300);
    check(ending, `seed ${SEED}: ${shown}`);
  }
  expect(await everything(platform)).toEqual(before);
}

test.each(['orders.inspect', 'inventory.inspect'])('%s refuses what is no order', async (activity) => {
  const orders = fieldsOfOrder.flatMap((field) =>
    hostileValues.filter((value) => !fits(field, value)).map((value) => damaged(field, value)),
  );
  const every = orders.filter((_, index) => index % 4 === 0);
  await ask(activity, every, (ending, message) => expect(ending, message).toBe('InvalidInput'));
});

const noIdentifiers = hostileValues.filter((value) => !isIdentifier(value));

test('orders.findCoordinator refuses what is no order id', async () => {
  const injected = ["x' OR WorkflowId != '", "x' OR ExecutionStatus = 'Completed"];
  await ask('orders.findCoordinator', [...noIdentifiers, ...injected], (ending, message) =>
    expect(ending, message).toBe('InvalidInput'),
  );
});

test('inventory.findOrphans refuses what is no time', async () => {
  const values = [...hostileValues, 1e300, '60000', { $numberLong: '0' }].filter((value) => value !== 0);
  await ask('inventory.findOrphans', values, (ending, message) =>
    expect(ending, message).toBe('InvalidInput'),
  );
});
