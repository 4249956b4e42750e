import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOrders } from '../../../activities/orders/participant.ts';
import { cancelUpdate } from '../../../workflows/order/messages.ts';
import { checkConsistency } from '../../support/consistency.ts';
import { stocked } from '../../support/inventory.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { RECOVERY, registered } from '../../support/registered-activities.ts';
import { requestOf } from '../../support/requests.ts';
import { type Fault, FaultInjector, type Place, type Plan } from './fault-injection.ts';
import {
  always,
  type Case,
  isKilled,
  isRead,
  orderOf,
  type Point,
  pointsOf,
  QUANTITIES,
  type Result,
  subjectOf,
} from './points.ts';
import { expectStock, recorded } from './records.ts';
import { activityOf, strategyTable } from './strategy-table.ts';
import { type DoomedWorkers, startDoomedWorkers, startStruckWorkers } from './struck-workers.ts';

// Every activity, struck once at every boundary, on real servers with Temporal's real timeouts; all of it at once,
// each point on an order and SKUs of its own.

/** What leads to an activity, and how it ends where nothing is struck. */
type Story = 'placed' | 'refused' | 'cancelled' | 'delivered' | 'found' | 'listed' | 'read';

// Activity × boundary → outcome. A rollback is reached in two ways: with some lines held, and with all of them.
const table: readonly Case<Story>[] = [
  {
    activity: 'orders.prepare',
    story: 'placed',
    writes: 1,
    outcomes: always('confirmed'),
    late: ['LateArrival'],
  },
  { activity: 'orders.decide', story: 'placed', writes: 1, outcomes: always('confirmed'), late: ['ok'] },
  { activity: 'orders.decide', story: 'refused', writes: 1, outcomes: always('rejected'), late: ['ok'] },
  {
    activity: 'orders.decide',
    story: 'cancelled',
    writes: 2,
    outcomes: always('cancelled'),
    late: ['ok'],
    // It is cancelled while its orders.prepare hangs, and a worker is killed in one place at a time.
    killable: false,
  },
  {
    activity: 'inventory.prepare',
    story: 'placed',
    writes: 5,
    outcomes: always('confirmed'),
    late: ['LateArrival'],
  },
  {
    activity: 'inventory.prepare',
    story: 'refused',
    writes: 5,
    outcomes: always('rejected'),
    // Its last write says that it has refused.
    late: ['LateArrival', 'OutOfStock'],
  },
  { activity: 'inventory.commit', story: 'placed', writes: 4, outcomes: always('confirmed'), late: ['ok'] },
  { activity: 'inventory.rollback', story: 'refused', writes: 4, outcomes: always('rejected'), late: ['ok'] },
  {
    activity: 'inventory.rollback',
    story: 'cancelled',
    writes: 4,
    outcomes: always('cancelled'),
    late: ['ok'],
    killable: false,
  },
  {
    activity: 'inventory.receive',
    story: 'delivered',
    writes: 9,
    outcomes: always('received'),
    // It may find that its successor has used up the entry that it was about to make.
    late: ['ok', 'AttemptExpired'],
  },
  { activity: 'orders.findOrder', story: 'found', writes: 0, outcomes: always('answered'), late: ['ok'] },
  { activity: 'orders.listOrders', story: 'listed', writes: 0, outcomes: always('answered'), late: ['ok'] },
  { activity: 'inventory.readStock', story: 'read', writes: 0, outcomes: always('answered'), late: ['ok'] },
];

/** A prepare that still runs when the order is cancelled and rolled back: it has no successor. */
function overtaken(activity: string, writes: number): Point<Story>[] {
  const row = { activity, story: 'cancelled', writes, late: ['LateArrival'] } as const;
  const boundary = 'rolled back meanwhile';
  const before = Array.from({ length: writes }, (_, index): Place => ({ at: 'before', write: index + 1 }));
  return [...before, { at: 'answer' } as const].map((place) => {
    const fault = { effect: 'hang', place } as const;
    return { ...row, boundary, outcome: 'cancelled', fault, subject: subjectOf(row, boundary, place) };
  });
}

const points = [
  ...table.flatMap(pointsOf),
  ...overtaken('orders.prepare', 1),
  ...overtaken('inventory.prepare', 5),
];

let platform: Platform;
let faults: FaultInjector;
let workers: AsyncDisposable;
let doomed: DoomedWorkers;
const results = new Map<string, PromiseSettledResult<Result>>();

beforeAll(async () => {
  platform = await startPlatform();
  await platform.stop('orders');
  await platform.stop('inventory');
  await Promise.all(points.map(supply));
  faults = new FaultInjector(points.filter((point) => !isKilled(point)).map(planOf));

  const killed = await driveIntoDoom(points.filter(isKilled));
  workers = await startStruckWorkers(platform, faults);
  const others = points.filter((point) => !isKilled(point) && !isRead(point)).map(drive);
  await Promise.all([...killed, ...others]);
  // A read has ten seconds in all, so it does not compete with the crowd.
  await Promise.all(points.filter((point) => !isKilled(point) && isRead(point)).map(drive));
}, 180_000);

afterAll(async () => {
  for (const point of points) {
    for (const activity of Object.keys(planOf(point).faults)) faults.release(point.subject, activity);
  }
  await workers[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
});

test('the tables have a row for every activity that a worker registers', () => {
  const rows = new Set([...table, ...strategyTable].map(activityOf));
  // It only reads what Temporal knows, and tells it.
  const elsewhere = [...RECOVERY, 'orders.tellStuckOrders'];
  expect([...rows, ...elsewhere].sort()).toEqual(registered().sort());
});

test.each(points.map((point) => [point.subject, point.outcome, point] as const))(
  '%s → %s',
  (subject, outcome, point) => {
    const { activity, fault, writes, boundary } = point;
    const result = results.get(subject);
    if (result?.status !== 'fulfilled') throw result?.reason ?? new Error('it was never driven');
    expect(result.value.outcome).toBe(outcome);
    const first = faults.attempt(subject, activity, 1);
    if (fault === undefined) {
      // Where a slow machine has had something tried twice, there is more, or less, to settle.
      if (!faults.isRepeated(subject)) expect(first?.writes, 'the table counts every write').toBe(writes);
      return;
    }
    const attempts = faults.attempts(subject, activity);
    if (boundary === 'rolled back meanwhile') expect(attempts, 'nobody prepares after the rollback').toBe(1);
    // Those of the worker that was killed are not counted.
    else
      expect(attempts, 'the fault came about, and a successor was needed').toBeGreaterThan(
        isKilled(point) ? 0 : 1,
      );
    if (result.value.late === undefined) return;
    const { ending, before, after } = result.value.late;
    expect(after, 'a late try changes nothing').toEqual(before);
    // One that had done everything had its answer before the others came.
    if (fault.place.at !== 'answer')
      expect(fault.effect === 'hang' ? point.late : ['LateArrival']).toContain(ending);
  },
);

test('the worker was killed, and did not end by itself', () => {
  expect(doomed.process.signalCode).toBe('SIGKILL');
});

test('all in all: nothing is oversold or lost, and everybody was told what is recorded', async () => {
  const orders = points.filter(isOrder);
  const told = orders.map(({ subject, outcome }) => ({
    orderId: subject,
    status: outcome as 'confirmed' | 'rejected' | 'cancelled',
  }));
  await checkConsistency(platform, orders.map(orderOf), told);
});

// --- stories -----------------------------------------------------------------------------------------------------

const isOrder = ({ story }: Point<Story>) =>
  story === 'placed' || story === 'refused' || story === 'cancelled';

/** What is there before the story begins. */
async function supply(point: Point<Story>): Promise<void> {
  const { subject, story } = point;
  if (isOrder(point)) {
    // Of the last line there is one too few, so the first two are held when the inventory refuses.
    const last = story === 'refused' ? QUANTITIES.C - 1 : 10;
    await stocked(platform.inventory, { [`${subject}:A`]: 10, [`${subject}:B`]: 10, [`${subject}:C`]: last });
  }
  if (story === 'read') await stocked(platform.inventory, { [subject]: 10 });
  if (story === 'found' || story === 'listed') {
    const request = requestOf(subject, [{ sku: 'SKU', quantity: 1 }]);
    const order = { ...request.order, customerId: subject };
    await createOrders(platform.orders).prepare({ ...request, order });
  }
}

function planOf({ subject, activity, story, fault }: Point<Story>): Plan {
  const struck = fault === undefined ? {} : { [activity]: fault };
  if (story === 'refused')
    return { subject, faults: struck, order: { 'inventory.prepare': 'orders.prepare' } };
  // It is cancelled while a prepare hangs, so that it can't be confirmed before.
  const hanging: Record<string, Fault> = activity.endsWith('.prepare')
    ? {}
    : { 'orders.prepare': { effect: 'hang', place: { at: 'before', write: 1 } } };
  return { subject, faults: story === 'cancelled' ? { ...hanging, ...struck } : struck };
}

async function drive(point: Point<Story>): Promise<void> {
  const { subject } = point;
  const [result] = await Promise.allSettled([story(point)]);
  results.set(subject, result);
}

async function story(point: Point<Story>): Promise<Result> {
  const { subject, activity, fault } = point;
  const outcome = await outcomeOf(point);
  const hangs = Object.entries(planOf(point).faults).filter(([, { effect }]) => effect === 'hang');
  if (isKilled(point) || hangs.length === 0) return { outcome };
  const before = await recorded(platform, subject);
  for (const [name] of hangs) {
    faults.release(subject, name);
    await faults.ended(subject, name);
  }
  const after = await recorded(platform, subject);
  const struck = fault?.effect === 'hang' ? activity : 'orders.prepare';
  return { outcome, late: { ending: faults.attempt(subject, struck, 1)?.ending, before, after } };
}

/** Runs the story to its end, and says how both Temporal and the databases know it. */
async function outcomeOf(point: Point<Story>): Promise<string> {
  const { workflow } = platform.concord.client;
  const { subject, story, activity } = point;
  if (isOrder(point)) {
    const handle = await workflow.start('placeOrder', {
      taskQueue: 'orders',
      workflowId: `order/${subject}`,
      args: [{ order: orderOf(point) }],
    });
    if (story === 'cancelled') {
      const [hanging, other] =
        activity === 'inventory.prepare'
          ? ['inventory.prepare', 'orders.prepare']
          : ['orders.prepare', 'inventory.prepare'];
      const isHeld = Promise.all([faults.hanging(subject, hanging), faults.ended(subject, other)]);
      // Where the place is never reached, there is nothing to cancel.
      const isOver = handle.result().then(() => Promise.reject(new Error(`${hanging} never hung`)));
      isOver.catch(() => {});
      await Promise.race([isHeld, isOver]);
      await handle.executeUpdate(cancelUpdate, { args: [{ reason: 'changed their mind' }] });
    }
    const { status } = (await handle.result()) as { status: string };
    await expectStock(platform, point, status === 'confirmed');
    expect(await platform.orders.findOne({ _id: subject })).toMatchObject({ status });
    return status;
  }
  const questions = {
    delivered: ['restock', 'inventory', { receiptId: subject, sku: subject, quantity: 5 }],
    found: ['findOrder', 'orders', subject],
    listed: ['listOrders', 'orders', { customerId: subject }],
    read: ['readStock', 'inventory', [subject]],
  } as const;
  const [type, taskQueue, argument] = questions[story as keyof typeof questions];
  const workflowId = `${type}/${subject}`;
  const answer: unknown = await workflow.execute(type, { taskQueue, workflowId, args: [argument] });
  if (story !== 'delivered') {
    expect(JSON.stringify(answer)).toContain(subject);
    return 'answered';
  }
  expect(answer).toEqual({ sku: subject, available: 5, reserved: 0, sold: 0, received: 5 });
  expect(await platform.inventory.stock.findOne({ _id: subject })).toMatchObject({
    available: 5,
    received: 5,
  });
  return 'received';
}

/** Kills a process of workers while every one of these hangs in it; returns how their stories go on after that. */
async function driveIntoDoom(killed: readonly Point<Story>[]): Promise<Promise<void>[]> {
  doomed = startDoomedWorkers(platform, killed.map(planOf));
  // Where a place is never reached, the story ends, and its point fails by itself.
  const isOver = (subject: string) => results.has(subject);
  const subjectsOf = (points: readonly Point<Story>[]) => points.map(({ subject }) => subject);
  const [reads, writes] = [killed.filter(isRead), killed.filter((point) => !isRead(point))];
  const stories = writes.map(drive);
  await doomed.untilHanging(subjectsOf(writes), isOver);
  // A read has ten seconds in all, so it comes last.
  stories.push(...reads.map(drive));
  await doomed.untilHanging(subjectsOf(killed), isOver);
  await doomed.kill();
  return stories;
}
