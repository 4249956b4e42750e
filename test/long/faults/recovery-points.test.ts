import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInventory } from '../../../activities/inventory/participant.ts';
import { createOrders } from '../../../activities/orders/participant.ts';
import { checkConsistency } from '../../support/consistency.ts';
import { stocked } from '../../support/inventory.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { RECOVERY } from '../../support/registered-activities.ts';
import { requestOf } from '../../support/requests.ts';
import { FaultInjector, type Plan } from '../../system/faults/fault-injection.ts';
import {
  always,
  type Case,
  isKilled,
  orderOf,
  type Point,
  pointsOf,
  QUANTITIES,
  type Result,
} from '../../system/faults/points.ts';
import { expectStock, recorded } from '../../system/faults/records.ts';
import {
  type DoomedWorkers,
  startDoomedWorkers,
  startStruckWorkers,
} from '../../system/faults/struck-workers.ts';

// What settles an order whose own workflow is gone, struck once at every boundary: the activities of recovery, and
// those of the participants where they take over from a coordinator that was terminated.

/**
 * How an order is recovered: resolved as confirmed, or as nothing on record demands otherwise; or found by a sweep of
 * the reaper, with others at once or alone.
 */
type Story = 'confirmed' | 'given up' | 'reaped' | 'reaped alone';

// Activity × boundary → outcome.
const table: readonly Case<Story>[] = [
  {
    activity: 'orders.findCoordinator',
    story: 'confirmed',
    writes: 0,
    outcomes: always('confirmed'),
    late: ['ok'],
  },
  {
    activity: 'orders.findCoordinator',
    story: 'given up',
    writes: 0,
    outcomes: always('rejected'),
    late: ['ok'],
  },
  { activity: 'orders.inspect', story: 'confirmed', writes: 0, outcomes: always('confirmed'), late: ['ok'] },
  { activity: 'orders.inspect', story: 'given up', writes: 0, outcomes: always('rejected'), late: ['ok'] },
  {
    activity: 'inventory.inspect',
    story: 'confirmed',
    writes: 0,
    outcomes: always('confirmed'),
    late: ['ok'],
  },
  { activity: 'inventory.inspect', story: 'given up', writes: 0, outcomes: always('rejected'), late: ['ok'] },
  {
    activity: 'inventory.findOrphans',
    story: 'reaped',
    writes: 0,
    outcomes: always('rejected'),
    late: ['ok'],
  },
  // A sweep's attempt has a minute, in which nobody else may find its orphan.
  {
    activity: 'inventory.findOrphans',
    story: 'reaped alone',
    writes: 0,
    outcomes: always('rejected'),
    late: ['ok'],
    killable: false,
  },
  {
    activity: 'orders.decide',
    story: 'confirmed',
    writes: 1,
    outcomes: always('confirmed'),
    late: ['ok'],
  },
  {
    activity: 'orders.decide',
    story: 'given up',
    writes: 1,
    outcomes: always('rejected'),
    late: ['ok'],
  },
  {
    activity: 'inventory.commit',
    story: 'confirmed',
    writes: 4,
    outcomes: always('confirmed'),
    late: ['ok'],
  },
  {
    activity: 'inventory.rollback',
    story: 'given up',
    writes: 4,
    outcomes: always('rejected'),
    late: ['ok'],
  },
];

const isAlone = ({ story }: Point<Story>) => story === 'reaped alone';
const isReaped = ({ story }: Point<Story>) => story === 'reaped' || story === 'reaped alone';

const points = table
  .flatMap((row) => pointsOf(row))
  // What hangs shares its minute with the others that hang.
  .filter((point) => !(isAlone(point) && point.fault?.effect === 'hang'))
  .filter((point) => !(point.story === 'reaped' && point.fault?.effect !== 'hang'));

/** Orders that a sweep looks for are a day old; each sweep has a limit of its own, by which its activity is known. */
const limitOf = (point: Point<Story>) => 3_600_000 + points.indexOf(point);
const keyOf = (point: Point<Story>) => (isReaped(point) ? String(limitOf(point)) : point.subject);

let platform: Platform;
let faults: FaultInjector;
let workers: AsyncDisposable;
let doomed: DoomedWorkers;
const results = new Map<string, PromiseSettledResult<Result>>();
/** What each sweep said that it has begun to settle. */
const reaped = new Map<string, readonly string[]>();

beforeAll(async () => {
  platform = await startPlatform();
  await platform.stop('orders');
  await platform.stop('inventory');
  const [alone, together] = [points.filter(isAlone), points.filter((point) => !isAlone(point))];
  await Promise.all(together.map(abandon));
  faults = new FaultInjector(points.filter((point) => !isKilled(point)).map(planOf));

  const killed = together.filter(isKilled);
  doomed = startDoomedWorkers(platform, killed.map(planOf));
  const stories = killed.map(drive);
  await doomed.untilHanging(killed.map(keyOf), (key) => killed.some((point) => isOver(point, key)));
  await doomed.kill();
  workers = await startStruckWorkers(platform, faults);
  await Promise.all([...stories, ...together.filter((point) => !isKilled(point)).map(drive)]);
  for (const point of alone) {
    await abandon(point);
    await drive(point);
  }
}, 240_000);

const isOver = (point: Point<Story>, key: string) => keyOf(point) === key && results.has(point.subject);

afterAll(async () => {
  for (const point of points) faults.release(keyOf(point), point.activity);
  await workers[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
});

test('the table has a row for every activity of recovery that a worker registers', () => {
  expect([...new Set(table.map(({ activity }) => activity))]).toEqual(expect.arrayContaining(RECOVERY));
});

test.each(points.map((point) => [point.subject, point.outcome, point] as const))(
  '%s → %s',
  (subject, outcome, point) => {
    const { activity, fault, writes } = point;
    const result = results.get(subject);
    if (result?.status !== 'fulfilled') throw result?.reason ?? new Error('it was never driven');
    expect(result.value.outcome).toBe(outcome);
    const first = faults.attempt(keyOf(point), activity, 1);
    if (fault === undefined) return expect(first?.writes, 'the table counts every write').toBe(writes);
    const attempts = faults.attempts(keyOf(point), activity);
    // Those of the worker that was killed are not counted.
    const own = isKilled(point) ? 0 : 1;
    expect(attempts, 'the fault came about, and a successor was needed').toBeGreaterThan(own);
    if (result.value.late === undefined) return;
    const { ending, before, after } = result.value.late;
    expect(after, 'a late try changes nothing').toEqual(before);
    if (fault.place.at !== 'answer') expect(point.late).toContain(ending);
  },
);

describe('the reaper', () => {
  test.each(points.filter(isAlone).map((point) => [point.subject, point] as const))(
    'settles just its orphan, and once: %s',
    (subject, point) => {
      expect(reaped.get(keyOf(point))).toEqual([subject]);
    },
  );

  test('misses no orphan, whatever befalls the sweeps that come at once', () => {
    const found = new Set([...reaped.values()].flat());
    const orphans = points.filter(isReaped).map(({ subject }) => subject);
    expect([...found].sort()).toEqual(orphans.sort());
  });
});

test('the worker was killed, and did not end by itself', () => {
  expect(doomed.process.signalCode).toBe('SIGKILL');
});

test('all in all: nothing is oversold or lost, and everybody is told what is recorded', async () => {
  await checkConsistency(platform, points.map(orderOf), []);
  for (const { subject, outcome } of points) {
    expect(await platform.concord.status(subject)).toMatchObject({ status: outcome, phase: 'final' });
  }
});

// --- stories -----------------------------------------------------------------------------------------------------

/** An order that is prepared, and whose workflow was terminated before it had decided. */
async function abandon(point: Point<Story>): Promise<void> {
  const { subject } = point;
  const { concord, inventory, orders } = platform;
  const order = orderOf(point);
  const skus = Object.keys(QUANTITIES).map((name) => [`${subject}:${name}`, 10]);
  await stocked(inventory, Object.fromEntries(skus));
  const handle = await concord.client.workflow.start('placeOrder', {
    // Nobody takes it, whichever workers run.
    taskQueue: 'nobody',
    workflowId: `order/${subject}`,
    args: [{ order }],
  });
  const request = requestOf(subject, order.lines, handle.firstExecutionRunId);
  await createInventory(inventory).prepare(request);
  if (!isReaped(point)) await createOrders(orders).prepare(request);
  const openedAt = new Date(Date.now() - 86_400_000);
  if (isReaped(point)) await inventory.reservations.updateOne({ _id: subject }, { $set: { openedAt } });
  await handle.terminate('given up');
  const { phase, reason } = await concord.status(subject);
  expect({ phase, message: reason?.message }).toEqual({
    phase: 'failed',
    message: expect.stringMatching(/ended as terminated; .*`concord resolve`/),
  });
}

function planOf(point: Point<Story>): Plan {
  const { activity, fault } = point;
  return { subject: keyOf(point), faults: fault === undefined ? {} : { [activity]: fault } };
}

async function drive(point: Point<Story>): Promise<void> {
  const [result] = await Promise.allSettled([story(point)]);
  results.set(point.subject, result);
}

async function story(point: Point<Story>): Promise<Result> {
  const { subject, activity, fault } = point;
  const outcome = await outcomeOf(point);
  if (isKilled(point) || fault?.effect !== 'hang') return { outcome };
  const before = await recorded(platform, subject);
  faults.release(keyOf(point), activity);
  await faults.ended(keyOf(point), activity);
  const after = await recorded(platform, subject);
  return { outcome, late: { ending: faults.attempt(keyOf(point), activity, 1)?.ending, before, after } };
}

/** Runs the story to its end, and says how both Temporal and the databases know it. */
async function outcomeOf(point: Point<Story>): Promise<string> {
  const { status } = isReaped(point) ? await sweep(point) : await resolve(point);
  await expectStock(platform, point, status === 'confirmed');
  expect(await platform.orders.findOne({ _id: point.subject })).toMatchObject({ status });
  return status;
}

interface Outcome {
  readonly status: string;
}

function resolve(point: Point<Story>): Promise<Outcome> {
  return platform.concord.client.workflow.execute('resolveOrder', {
    taskQueue: 'orders',
    workflowId: `resolve/${point.subject}`,
    args: [{ order: orderOf(point) }, ...(point.story === 'confirmed' ? [{ as: 'confirmed' }] : [])],
  });
}

/** Sweeps, and waits for what comes of the order; one of the other sweeps may have found it first. */
async function sweep(point: Point<Story>): Promise<Outcome> {
  const { workflow } = platform.concord.client;
  const limit = limitOf(point);
  const { orderIds } = await workflow.execute('reapHolds', {
    taskQueue: 'inventory',
    workflowId: `sweep/${limit}`,
    args: [limit],
  });
  reaped.set(keyOf(point), orderIds);
  return workflow.getHandle(`resolve/${point.subject}`).result() as Promise<Outcome>;
}
