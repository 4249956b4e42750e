import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NativeConnection, type Worker } from '@temporalio/worker';
import type { Db } from 'mongodb';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { createOrders } from '../../activities/orders.ts';
import { createServiceWorker } from '../../workers/create-worker.ts';
import { services } from '../../workers/services.ts';
import { cancelUpdate } from '../../workflows/messages.ts';
import { checkConsistency, type IdentifiedOrder } from '../support/consistency.ts';
import { stocked } from '../support/inventory.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { requestOf } from '../support/requests.ts';
import type { Doom } from './doomed-worker.ts';
import { type Ending, type Fault, FaultInjector, type Place, type Plan } from './fault-injection.ts';

// Every activity, struck once at every boundary, on real servers with Temporal's real timeouts; all of it at once,
// each point on an order and SKUs of its own.

const boundaries = [
  /** The first attempt fails before it has written anything. */
  'before the write',
  /** It fails after its nth write, for each n: with several lines, some are done and some are not. */
  'after the write',
  /** It does everything, but its answer is lost. */
  'answer lost',
  /** It hangs before each write, or with its answer; its successor ends the order; then it goes on. */
  'late try',
  /** The worker is killed while it hangs before each write, or with its answer. */
  'worker killed',
] as const;
type Boundary = (typeof boundaries)[number];

/** What leads to an activity, and how it ends where nothing is struck. */
type Story = 'placed' | 'refused' | 'cancelled' | 'delivered' | 'found' | 'listed' | 'read';

interface Case {
  readonly activity: string;
  readonly story: Story;
  /** How many writes an attempt makes where nothing is struck. */
  readonly writes: number;
  /** How the story ends after each boundary. */
  readonly outcomes: Readonly<Record<Boundary, string>>;
  /** How a late try may end where there was something left to do for it. */
  readonly late: readonly Ending[];
}

const always = (outcome: string): Record<Boundary, string> => ({
  'before the write': outcome,
  'after the write': outcome,
  'answer lost': outcome,
  'late try': outcome,
  'worker killed': outcome,
});

// Activity × boundary → outcome. A rollback is reached in two ways: with some lines held, and with all of them.
const table: readonly Case[] = [
  {
    activity: 'orders.prepare',
    story: 'placed',
    writes: 1,
    outcomes: always('confirmed'),
    late: ['LateArrival'],
  },
  { activity: 'orders.commit', story: 'placed', writes: 1, outcomes: always('confirmed'), late: ['ok'] },
  { activity: 'orders.rollback', story: 'refused', writes: 1, outcomes: always('rejected'), late: ['ok'] },
  { activity: 'orders.rollback', story: 'cancelled', writes: 2, outcomes: always('cancelled'), late: ['ok'] },
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
  },
  {
    activity: 'inventory.receive',
    story: 'delivered',
    writes: 7,
    outcomes: always('received'),
    late: ['ok'],
  },
  { activity: 'orders.findOrder', story: 'found', writes: 0, outcomes: always('answered'), late: ['ok'] },
  { activity: 'orders.listOrders', story: 'listed', writes: 0, outcomes: always('answered'), late: ['ok'] },
  { activity: 'inventory.readStock', story: 'read', writes: 0, outcomes: always('answered'), late: ['ok'] },
];

/** One place in one activity of one story, and what happens there; without a fault, nothing does. */
interface Point extends Omit<Case, 'outcomes'> {
  readonly boundary: Boundary | 'rolled back meanwhile' | undefined;
  readonly outcome: string;
  readonly fault: Fault | undefined;
  /** The order id, receipt id or whatever the story is known by. */
  readonly subject: string;
}

function pointsOf({ outcomes, ...row }: Case): Point[] {
  const { writes } = row;
  const eachWrite = (at: 'before' | 'after') =>
    Array.from({ length: writes }, (_, index): Place => ({ at, write: index + 1 }));
  const start: Place = writes === 0 ? { at: 'start' } : { at: 'before', write: 1 };
  const hangs = [...(writes === 0 ? [start] : eachWrite('before')), { at: 'answer' } as const];
  const places: Record<Boundary, { effect: Fault['effect']; at: readonly Place[] }> = {
    'before the write': { effect: 'fail', at: [start] },
    'after the write': { effect: 'fail', at: eachWrite('after') },
    'answer lost': { effect: 'fail', at: [{ at: 'answer' }] },
    'late try': { effect: 'hang', at: hangs },
    // Such an order is cancelled while its orders.prepare hangs, and a worker is killed in one place at a time.
    'worker killed': { effect: 'hang', at: row.story === 'cancelled' ? [] : hangs },
  };
  const struck = boundaries.flatMap((boundary) => {
    const { effect, at } = places[boundary];
    return at.map((place): Point => {
      const fault = { effect, place };
      return {
        ...row,
        boundary,
        outcome: outcomes[boundary],
        fault,
        subject: subjectOf(row, boundary, place),
      };
    });
  });
  const subject = subjectOf(row, 'undisturbed');
  return [
    { ...row, boundary: undefined, outcome: outcomes['answer lost'], fault: undefined, subject },
    ...struck,
  ];
}

/** A prepare that still runs when the order is cancelled and rolled back: it has no successor. */
function overtaken(activity: string, writes: number): Point[] {
  const row = { activity, story: 'cancelled', writes, late: ['LateArrival'] } as const;
  const boundary = 'rolled back meanwhile';
  const before = Array.from({ length: writes }, (_, index): Place => ({ at: 'before', write: index + 1 }));
  return [...before, { at: 'answer' } as const].map((place) => {
    const fault = { effect: 'hang', place } as const;
    return { ...row, boundary, outcome: 'cancelled', fault, subject: subjectOf(row, boundary, place) };
  });
}

function subjectOf(
  { activity, story }: Pick<Case, 'activity' | 'story'>,
  what: string,
  place?: Place,
): string {
  const where = place === undefined ? [] : [place.at, ...('write' in place ? [place.write] : [])];
  return [activity, story, what.replaceAll(' ', '-'), ...where].join(':');
}

const points = [
  ...table.flatMap(pointsOf),
  ...overtaken('orders.prepare', 1),
  ...overtaken('inventory.prepare', 5),
];

const isRead = ({ writes }: Point) => writes === 0;
const isKilled = ({ boundary }: Point) => boundary === 'worker killed';

/** How a point's story went. */
interface Result {
  readonly outcome: string;
  /** What the first attempt that hung answered in the end, and whether it changed anything. */
  readonly late?: { readonly ending: Ending | undefined; readonly before: unknown; readonly after: unknown };
}

let platform: Platform;
let connection: NativeConnection;
let faults: FaultInjector;
let doomed: ChildProcess;
const workers: { worker: Worker; ended: Promise<void> }[] = [];
const results = new Map<string, PromiseSettledResult<Result>>();

beforeAll(async () => {
  platform = await startPlatform();
  await platform.stop('orders');
  await platform.stop('inventory');
  await Promise.all(points.map(supply));
  connection = await NativeConnection.connect({ address: platform.address });
  faults = new FaultInjector(points.filter((point) => !isKilled(point)).map(planOf));

  const killed = await driveIntoDoom(points.filter(isKilled));
  await startWorkers();
  const others = points.filter((point) => !isKilled(point) && !isRead(point)).map(drive);
  await Promise.all([...killed, ...others]);
  // A read has ten seconds in all, so it does not compete with the crowd.
  await Promise.all(points.filter((point) => !isKilled(point) && isRead(point)).map(drive));
}, 180_000);

afterAll(async () => {
  for (const point of points) {
    for (const activity of Object.keys(planOf(point).faults)) faults.release(point.subject, activity);
  }
  for (const { worker } of workers) worker.shutdown();
  await Promise.all(workers.map(({ ended }) => ended));
  await connection.close();
  await platform[Symbol.asyncDispose]();
});

test('the table has a row for every activity that a worker registers', () => {
  const registered = Object.values(services).flatMap((service) =>
    Object.keys(service.createActivities({ collection: () => ({}) } as unknown as Db)),
  );
  expect(registered.length).toBeGreaterThan(0);
  expect([...new Set(table.map(({ activity }) => activity))].sort()).toEqual(registered.sort());
});

test.each(points.map((point) => [point.subject, point.outcome, point] as const))(
  '%s → %s',
  (subject, outcome, point) => {
    const { activity, fault, writes, boundary } = point;
    const result = results.get(subject);
    if (result?.status !== 'fulfilled') throw result?.reason ?? new Error('it was never driven');
    expect(result.value.outcome).toBe(outcome);
    const first = faults.attempt(subject, activity, 1);
    if (fault === undefined) return expect(first?.writes, 'the table counts every write').toBe(writes);
    const second = faults.attempt(subject, activity, 2);
    if (boundary === 'rolled back meanwhile')
      expect(second, 'nobody prepares after the rollback').toBeUndefined();
    else expect(second, 'the fault came about, and a successor was needed').toBeDefined();
    if (result.value.late === undefined) return;
    const { ending, before, after } = result.value.late;
    expect(after, 'a late try changes nothing').toEqual(before);
    // One that had done everything had its answer before the others came.
    if (fault.place.at !== 'answer')
      expect(fault.effect === 'hang' ? point.late : ['LateArrival']).toContain(ending);
  },
);

test('the worker was killed, and did not end by itself', () => {
  expect(doomed.signalCode).toBe('SIGKILL');
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

const isOrder = ({ story }: Point) => story === 'placed' || story === 'refused' || story === 'cancelled';

const QUANTITIES = { A: 1, B: 2, C: 3 };

function orderOf({ subject }: Point): IdentifiedOrder {
  const lines = Object.entries(QUANTITIES).map(([name, quantity]) => ({
    sku: `${subject}:${name}`,
    quantity,
  }));
  return { orderId: subject, customerId: 'customer', lines };
}

/** What is there before the story begins. */
async function supply(point: Point): Promise<void> {
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

function planOf({ subject, activity, story, fault }: Point): Plan {
  const struck = fault === undefined ? {} : { [activity]: fault };
  if (story === 'refused')
    return { subject, faults: struck, order: { 'inventory.prepare': 'orders.prepare' } };
  // It is cancelled while a prepare hangs, so that it can't be confirmed before.
  const hanging: Record<string, Fault> = activity.endsWith('.prepare')
    ? {}
    : { 'orders.prepare': { effect: 'hang', place: { at: 'before', write: 1 } } };
  return { subject, faults: story === 'cancelled' ? { ...hanging, ...struck } : struck };
}

async function drive(point: Point): Promise<void> {
  const { subject } = point;
  const [result] = await Promise.allSettled([story(point)]);
  results.set(subject, result);
}

async function story(point: Point): Promise<Result> {
  const { subject, activity, fault } = point;
  const outcome = await outcomeOf(point);
  const hangs = Object.entries(planOf(point).faults).filter(([, { effect }]) => effect === 'hang');
  if (isKilled(point) || hangs.length === 0) return { outcome };
  const before = await recorded(subject);
  for (const [name] of hangs) {
    faults.release(subject, name);
    await faults.ended(subject, name);
  }
  const after = await recorded(subject);
  const struck = fault?.effect === 'hang' ? activity : 'orders.prepare';
  return { outcome, late: { ending: faults.attempt(subject, struck, 1)?.ending, before, after } };
}

/** Runs the story to its end, and says how both Temporal and the databases know it. */
async function outcomeOf(point: Point): Promise<string> {
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
    await expectStock(point, status === 'confirmed');
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

/** Each line is sold, or each is back on the shelf: nothing in between, and nothing held. */
async function expectStock(point: Point, isSold: boolean): Promise<void> {
  for (const { sku, quantity } of orderOf(point).lines) {
    const stock = await platform.inventory.stock.findOne({ _id: sku });
    const sold = isSold ? quantity : 0;
    expect(stock).toMatchObject({ available: (stock?.received ?? 0) - sold, reserved: 0, sold, holds: [] });
  }
}

/** What both databases hold of a subject, but for the count of its attempts. */
async function recorded(subject: string): Promise<unknown> {
  const skus = [subject, ...Object.keys(QUANTITIES).map((name) => `${subject}:${name}`)];
  const { stock, reservations, receipts } = platform.inventory;
  const { prepared, decision } = (await reservations.findOne({ _id: subject })) ?? {};
  return [
    { prepared, decision },
    await platform.orders.findOne({ _id: subject }),
    await receipts.findOne({ _id: subject }),
    await stock
      .find({ _id: { $in: skus } })
      .sort({ _id: 1 })
      .toArray(),
  ];
}

// --- workers -----------------------------------------------------------------------------------------------------

async function startWorkers(): Promise<void> {
  for (const name of ['orders', 'inventory'] as const) {
    const worker = await createServiceWorker(name, {
      connection,
      namespace: platform.namespace,
      database: faults.wrap(platform.databases[name]),
      workflowBundle: { codePath: inject('workflowBundles')[name] },
      interceptors: [faults.interceptor],
    });
    workers.push({ worker, ended: worker.run() });
  }
}

/** Kills a process of workers while every one of these hangs in it; returns how their stories go on after that. */
async function driveIntoDoom(killed: readonly Point[]): Promise<Promise<void>[]> {
  const { address, namespace, databases } = platform;
  doomed = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./doomed-worker.ts', import.meta.url))],
    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const hanging = new Set<unknown>();
  doomed.on('message', (subject) => hanging.add(subject));
  const doom: Doom = {
    address,
    namespace,
    mongodbUri: inject('mongodbUri'),
    databases: { orders: databases.orders.databaseName, inventory: databases.inventory.databaseName },
    workflowBundles: inject('workflowBundles'),
    plans: killed.map(planOf),
  };
  doomed.send(doom);
  // Where a place is never reached, the story ends, and its point fails by itself.
  const untilStruck = async (struck: readonly Point[]) => {
    const isStruck = ({ subject }: Point) => hanging.has(subject) || results.has(subject);
    await vi.waitUntil(() => struck.every(isStruck) || doomed.exitCode !== null, { timeout: 60_000 });
    if (doomed.exitCode !== null)
      throw new Error(`the doomed worker ended by itself with ${doomed.exitCode}`);
  };
  const [reads, writes] = [killed.filter(isRead), killed.filter((point) => !isRead(point))];
  const stories = writes.map(drive);
  await untilStruck(writes);
  // A read has ten seconds in all, so it comes last.
  stories.push(...reads.map(drive));
  await untilStruck(killed);
  const exited = once(doomed, 'exit');
  doomed.kill('SIGKILL');
  await exited;
  return stories;
}
