import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createInventory } from '../../../activities/inventory/participant.ts';
import { createOrders } from '../../../activities/orders/participant.ts';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { receiversOf, subscriptions } from '../../../workers/subscriptions.ts';
import { cancelUpdate, tryNowSignal } from '../../../workflows/order/messages.ts';
import { checkConsistency } from '../../support/consistency.ts';
import { shelve } from '../../support/inventory.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { requestOf } from '../../support/requests.ts';
import { type Fault, FaultInjector, type Plan } from '../../system/faults/fault-injection.ts';
import {
  isKilled,
  orderOf,
  type Point,
  pointsOf,
  QUANTITIES,
  type Result,
} from '../../system/faults/points.ts';
import { expectStock, recorded } from '../../system/faults/records.ts';
import { activityOf, type StrategyStory, strategyTable } from '../../system/faults/strategy-table.ts';
import {
  type DoomedWorkers,
  startDoomedWorkers,
  startStruckWorkers,
} from '../../system/faults/struck-workers.ts';

// The strategies that have no coordinator: every activity that carries an order along, struck once at every boundary.
// Announcements come in batches, so what befalls one order there is also seen by its neighbours.

type StrategyPoint = Point<StrategyStory>;

const points = strategyTable.flatMap((row) => pointsOf(row));

/** Its order has no workflow. */
const isLeft = ({ story }: StrategyPoint) => story === 'left' || story === 'unkept';
/** Its order waits for a minute before it says again what was lost. */
const isUnheard = ({ story }: StrategyPoint) => story === 'unheard';
const isPrompt = (point: StrategyPoint) => !isKilled(point) && !isUnheard(point);

let platform: Platform;
let faults: FaultInjector;
let workers: AsyncDisposable;
let doomed: DoomedWorkers;
const results = new Map<string, PromiseSettledResult<Result>>();

beforeAll(async () => {
  platform = await startPlatform();
  await platform.stop('orders');
  await platform.stop('inventory');
  await shelve(platform.inventory, Object.assign({}, ...points.map(suppliesOf)));
  faults = new FaultInjector(points.filter((point) => !isKilled(point)).map(planOf));

  const killed = await driveIntoDoom(points.filter(isKilled));
  await Promise.all(points.filter(isUnheard).map(loseTheFirst));
  workers = await startStruckWorkers(platform, faults);
  const unheard = points.filter(isUnheard).map(drive);
  // They share batches, and so the time for which somebody hangs in one.
  await Promise.all(points.filter(isPrompt).map(drive));
  await Promise.all([...killed, ...unheard]);
}, 600_000);

afterAll(async () => {
  for (const point of points) {
    for (const activity of Object.keys(planOf(point).faults)) faults.release(point.subject, activity);
  }
  await workers?.[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
});

test.each(points.map((point) => [point.subject, point.outcome, point] as const))(
  '%s → %s',
  (subject, outcome, point) => {
    const { activity, fault, writes } = point;
    const result = results.get(subject);
    if (result?.status !== 'fulfilled') throw result?.reason ?? new Error('it was never driven');
    expect(result.value.outcome).toBe(outcome);
    const first = faults.attempt(subject, activity, 1);
    if (fault === undefined) {
      // Where a slow machine has had something tried twice, there is more to settle.
      if (!faults.isRepeated(subject)) expect(first?.writes, 'the table counts every write').toBe(writes);
      return;
    }
    // Those of the worker that was killed are not counted.
    if (!isKilled(point))
      expect(faults.struckAttempt(subject, activity), 'the fault came about').toBeDefined();
    if (needsSuccessor(point)) expect(hasSuccessor(point), 'a successor was needed').toBe(true);
    if (result.value.late === undefined) return;
    const { ending, before, after } = result.value.late;
    expect(after, 'a late try changes nothing').toEqual(before);
    // What a batch does not wait for tells nobody how it ended.
    if (fault.place.at !== 'answer' && !isInBatch(activity)) expect(point.late).toContain(ending);
  },
);

test('the worker was killed, and did not end by itself', () => {
  expect(doomed.process.signalCode).toBe('SIGKILL');
});

test('all in all: nothing is oversold or lost, nothing is left to say, and everybody was told what is recorded', async () => {
  const told = points
    .filter((point) => !isLeft(point))
    .map(({ subject, outcome }) => ({ orderId: subject, status: outcome as 'confirmed' }));
  await checkConsistency(platform, points.map(orderOf), told);
  for (const collection of [platform.orders, platform.inventory.reservations]) {
    const left = () => collection.countDocuments({ 'outbox.0': { $exists: true } });
    await expect.poll(left).toBe(0);
  }
});

/** An announcement that is answered may be followed by the next one of its order before it can come again. */
function needsSuccessor({ activity, fault, writes }: StrategyPoint): boolean {
  const place = fault?.place;
  const isAnswered =
    place?.at === 'answer' || (place !== undefined && 'write' in place && place.write === writes);
  return fault !== undefined && !(isInBatch(activity) && isAnswered);
}

function hasSuccessor(point: StrategyPoint): boolean {
  const { subject, activity } = point;
  const struck = isKilled(point) ? 0 : (faults.struckAttempt(subject, activity) ?? Number.POSITIVE_INFINITY);
  return faults.attempts(subject, activity) > struck;
}

// --- stories -----------------------------------------------------------------------------------------------------

const isInBatch = (activity: string) => activity.includes('.handle:');

const PATIENTLY = { timeout: 120_000, interval: 500 };

/** What is on the shelves before the story begins. */
function suppliesOf({ subject, story }: StrategyPoint): Record<string, number> {
  // Of the last line there is one too few, so the first two are held when the inventory refuses.
  const last = story === 'refused' ? QUANTITIES.C - 1 : 10;
  return { [`${subject}:A`]: 10, [`${subject}:B`]: 10, [`${subject}:C`]: last };
}

/** Places the order and has it on record, but what the inventory was to be told is gone. */
async function loseTheFirst(point: StrategyPoint): Promise<void> {
  const { subject, strategy } = point;
  const handle = await start(point);
  const request = requestOf(subject, orderOf(point).lines, handle.firstExecutionRunId, strategy);
  await createOrders(platform.orders).prepare(request);
  await platform.orders.updateOne({ _id: subject }, { $set: { outbox: [] } });
}

function start(point: StrategyPoint) {
  const { subject, strategy } = point;
  return platform.concord.client.workflow.start('placeOrder', {
    taskQueue: 'orders',
    workflowId: `order/${subject}`,
    args: [{ order: orderOf(point), strategy }],
    // One whose announcement was lost is placed already.
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
}

/** What holds an order up when its stock is held, so that it can be cancelled. */
const HOLD_UPS: Readonly<Record<string, { readonly activity: string; readonly fault: Fault }>> = {
  'message-queue': {
    activity: 'inventory.handle:ReserveStock',
    // The vote is on record, and nobody has been told.
    fault: { effect: 'hang', place: { at: 'after', write: 5 }, isRelentless: true },
  },
  'event-driven': {
    activity: 'orders.handle:StockReserved',
    fault: { effect: 'hang', place: { at: 'before', write: 1 }, isRelentless: true },
  },
};

function holdUpOf({ story, strategy = 'two-phase' }: StrategyPoint) {
  return story === 'cancelled' ? HOLD_UPS[strategy] : undefined;
}

function planOf(point: StrategyPoint): Plan {
  const { subject, activity, fault } = point;
  const holdUp = holdUpOf(point);
  return {
    subject,
    faults: {
      ...(holdUp === undefined ? {} : { [holdUp.activity]: holdUp.fault }),
      ...(fault === undefined ? {} : { [activity]: fault }),
    },
    ...(isUnheard(point) ? { skipped: ['orders.prepare'] } : {}),
  };
}

async function drive(point: StrategyPoint): Promise<void> {
  const [result] = await Promise.allSettled([story(point)]);
  results.set(point.subject, result);
}

async function story(point: StrategyPoint): Promise<Result> {
  const { subject, activity, fault } = point;
  const outcome = await outcomeOf(point);
  // What everybody else was done without may come again later.
  if (needsSuccessor(point)) await vi.waitUntil(() => hasSuccessor(point), PATIENTLY);
  const hangs = Object.entries(planOf(point).faults).filter(([, { effect }]) => effect === 'hang');
  if (isKilled(point) || hangs.length === 0) return { outcome };
  // What holds an event up keeps it in its outbox.
  const before = holdUpOf(point) ? await recorded(platform, subject) : await recordedInTheEnd(subject);
  for (const [name] of hangs) await letGoOn(subject, name);
  const after = await recordedInTheEnd(subject);
  const struck = fault?.effect === 'hang' ? activity : (holdUpOf(point)?.activity ?? activity);
  const number = faults.struckAttempt(subject, struck) ?? 1;
  return { outcome, late: { ending: faults.attempt(subject, struck, number)?.ending, before, after } };
}

/**
 * Releases what hangs, and returns when it has done all that it will ever do. What hangs with its answer may come there
 * after its order's end: its batch waits for the others.
 */
async function letGoOn(subject: string, activity: string): Promise<void> {
  await vi.waitUntil(() => faults.struckAttempt(subject, activity) !== undefined, PATIENTLY);
  const number = faults.struckAttempt(subject, activity);
  faults.release(subject, activity);
  await faults.ended(subject, activity, number);
  await vi.waitUntil(() => faults.isQuiet(subject, activity), PATIENTLY);
}

/** What both databases hold once everybody has been told: the last announcement is removed after it has arrived. */
async function recordedInTheEnd(subject: string): Promise<unknown> {
  const { orders, inventory } = platform;
  await askToConfirm(subject);
  const isTold = async (document: Promise<{ outbox?: unknown[] } | null>) =>
    ((await document)?.outbox ?? []).length === 0;
  await vi.waitUntil(() => isTold(orders.findOne({ _id: subject })), PATIENTLY);
  await vi.waitUntil(() => isTold(inventory.reservations.findOne({ _id: subject })), PATIENTLY);
  return recorded(platform, subject);
}

/** Runs the story to its end, and says how both Temporal and the databases know it. */
async function outcomeOf(point: StrategyPoint): Promise<string> {
  const { subject } = point;
  if (isLeft(point)) return outcomeOfTheLeft(point);
  const handle = await start(point);
  const holdUp = holdUpOf(point);
  if (holdUp !== undefined) {
    // Where the place is never reached, there is nothing to cancel.
    const isOver = handle.result().then(() => Promise.reject(new Error(`${holdUp.activity} never hung`)));
    isOver.catch(() => {});
    await Promise.race([faults.hanging(subject, holdUp.activity), isOver]);
    await handle.executeUpdate(cancelUpdate, { args: [{ reason: 'changed their mind' }] });
  }
  const { status } = (await handle.result()) as { status: string };
  await expectStock(platform, point, status === 'confirmed');
  expect(await platform.orders.findOne({ _id: subject })).toMatchObject({ status });
  return status;
}

/** Takes what is done out of the outboxes now, and not with many others. */
async function askToConfirm(subject: string): Promise<void> {
  const { workflow } = platform.concord.client;
  const found = await platform.orders.findOne({ _id: subject });
  if (found === null) return;
  const order = { orderId: subject, customerId: found.customerId, lines: found.lines };
  for (const workflowId of [mailboxIdOf(order), `mailbox/${subject}`])
    await workflow
      .getHandle(workflowId)
      .signal(tryNowSignal, subject)
      .catch(() => {});
}

const serviceOf = (point: StrategyPoint) => activityOf(point).split('.')[0] ?? '';

/** Leaves an announcement in an outbox, where a sweep or a mailbox that had no room finds it. */
async function outcomeOfTheLeft(point: StrategyPoint): Promise<string> {
  const { subject, story } = point;
  const service = serviceOf(point);
  const request = requestOf(subject, orderOf(point).lines, 'gone', 'event-driven');
  await createOrders(platform.orders).prepare(request);
  if (service === 'inventory') {
    await platform.orders.updateOne({ _id: subject }, { $set: { outbox: [] } });
    await createInventory(platform.inventory).prepare(request);
  }
  if (story === 'left') await sweep(point);
  else await startMailbox(point);
  const isSold = async () =>
    (await platform.inventory.stock.findOne({ _id: `${subject}:C` }))?.sold === QUANTITIES.C;
  await vi.waitUntil(isSold, PATIENTLY);
  await expectStock(platform, point, true);
  return (await platform.orders.findOne({ _id: subject }))?.status ?? 'unknown';
}

async function sweep(point: StrategyPoint): Promise<void> {
  const { subject } = point;
  const service = serviceOf(point);
  for (const collection of [platform.orders, platform.inventory.reservations] as const) {
    const time = new Date(Date.now() - 10 * 60_000).toISOString();
    const { outbox = [] } = (await collection.findOne({ _id: subject })) ?? {};
    const update = { $set: { outbox: outbox.map((each) => ({ ...each, time })) } };
    await (collection as typeof platform.orders).updateOne({ _id: subject }, update);
  }
  const workflowId = `sweep/${subject}`;
  faults.askFor(subject, workflowId);
  const [type, args] = service === 'orders' ? ['watchOrders', [{}]] : ['reapHolds', [900_000]];
  await platform.concord.client.workflow.execute(type as string, {
    ...{ taskQueue: service, workflowId, args: args as unknown[] },
  });
}

/** A mailbox of the order's own, whose run before has had no room for what the order's outbox holds. */
async function startMailbox(point: StrategyPoint): Promise<void> {
  const { subject } = point;
  const type = serviceOf(point) === 'orders' ? 'OrderPlaced' : 'StockReserved';
  const [receiver] = receiversOf(subscriptions, type);
  await platform.concord.client.workflow.start('mailbox', {
    taskQueue: 'orders',
    workflowId: `mailbox/${subject}`,
    args: [[], [{ receiver, orderIds: [subject] }], []],
  });
}

/** Kills a process of workers while every one of these hangs in it; returns how their stories go on after that. */
async function driveIntoDoom(killed: readonly StrategyPoint[]): Promise<Promise<void>[]> {
  doomed = startDoomedWorkers(platform, killed.map(planOf));
  // Where a place is never reached, the story ends, and its point fails by itself.
  const isOver = (subject: string) => results.has(subject);
  const stories = killed.map(drive);
  await doomed.untilHanging(
    killed.map(({ subject }) => subject),
    isOver,
  );
  await doomed.kill();
  return stories;
}
