import type { Strategy } from '../../../domain/strategies.ts';
import type { Place } from './fault-injection.ts';
import { always, type Case } from './points.ts';

/**
 * What leads to an activity: an order that is placed, refused, or cancelled while its stock is held; one whose first
 * announcement was lost, or was left in an outbox when nobody was told of it.
 */
export type StrategyStory = 'placed' | 'refused' | 'cancelled' | 'unheard' | 'left';

type Row = Case<StrategyStory> & { readonly strategy: Strategy };

const OUTCOMES = {
  placed: 'confirmed',
  refused: 'rejected',
  cancelled: 'cancelled',
  unheard: 'confirmed',
  left: 'confirmed',
} as const;

const before = (...writes: number[]): Place[] => writes.map((write) => ({ at: 'before', write }));

/**
 * @param late How a late try may end; by default it finds everything done.
 */
function row(
  strategy: Strategy,
  activity: string,
  story: StrategyStory,
  writes: number,
  more: Partial<Pick<Row, 'late' | 'struck' | 'kills' | 'killable'>> = {},
): Row {
  // It is cancelled while something else hangs, and a worker is killed in one place at a time.
  const killable = story === 'cancelled' ? ({ killable: false } as const) : {};
  return {
    ...{ strategy, activity, story, writes, outcomes: always(OUTCOMES[story]), late: ['ok'] },
    ...killable,
    ...more,
  };
}

// What begins, what decides and what comes last. What lies between is struck in the same participants where a coordinator
// calls them (fault-points.test.ts); here the points share batches, and each costs all of them its time.
const DECIDING = 5;
const struckIn = (writes: number) => [...new Set([1, Math.min(DECIDING, writes - 1), writes])];

// A kill while a whole batch hangs would keep the others from where they are to be killed; and from the fifth write on,
// which decides, others can go on.
const message = (type: string, story: StrategyStory, writes: number) =>
  row('message-queue', `inventory.handleMessages:${type}`, story, writes, {
    struck: struckIn(writes),
    ...(story === 'cancelled' ? {} : { kills: before(1, Math.min(DECIDING, writes - 1)) }),
  });
const reaction = (event: string, story: StrategyStory, writes: number) =>
  row('event-driven', `inventory.on${event}`, story, writes, {
    struck: struckIn(writes),
    ...(story === 'cancelled' ? {} : { kills: [...before(Math.min(DECIDING, writes)), { at: 'answer' }] }),
  });
// What is left in an outbox may be handed over by a relay that begins anew, so one that hangs there has no successor.
const withItsAnswer = { kills: [{ at: 'answer' }] } as const;
const beforeItsWrite = { kills: before(1) };
const beforeAnything = { kills: [{ at: 'start' }] } as const;
// An order that waits for an answer says so again after a minute: too long for a worker that waits to be killed.
const unhurried = { killable: false } as const;

// A service has one relay, which asks this when it begins: once for each point, one after the other.
const soleRelay = { killable: false } as const;

/** Activity × boundary → outcome, in the strategies that have no coordinator. A write is one of a document of its own. */
export const strategyTable: readonly Row[] = [
  row('message-queue', 'orders.prepare', 'placed', 1, { late: ['ok', 'LateArrival'], ...withItsAnswer }),
  row('message-queue', 'orders.decide', 'placed', 2, withItsAnswer),
  row('message-queue', 'orders.decide', 'refused', 2, withItsAnswer),
  row('message-queue', 'orders.announce', 'unheard', 0, unhurried),
  message('ReserveStock', 'placed', 5),
  message('ReserveStock', 'refused', 9),
  message('SellStock', 'placed', 4),
  message('ReleaseStock', 'refused', 5),
  message('ReleaseStock', 'cancelled', 4),

  row('event-driven', 'orders.prepare', 'placed', 1, { late: ['LateArrival'], ...withItsAnswer }),
  row('event-driven', 'orders.announce', 'unheard', 0, unhurried),
  row('event-driven', 'orders.decide', 'cancelled', 1),
  row('event-driven', 'orders.onStockReserved', 'placed', 1, beforeItsWrite),
  row('event-driven', 'orders.onStockRejected', 'refused', 1, beforeItsWrite),
  row('event-driven', 'orders.onStockSold', 'placed', 0, beforeAnything),
  row('event-driven', 'orders.onStockReleased', 'refused', 0, beforeAnything),
  row('event-driven', 'orders.publish', 'placed', 1, beforeItsWrite),
  row('event-driven', 'orders.findUnpublished', 'left', 0, soleRelay),
  reaction('OrderPlaced', 'placed', 5),
  reaction('OrderPlaced', 'refused', 8),
  reaction('OrderConfirmed', 'placed', 4),
  reaction('OrderRejected', 'refused', 5),
  reaction('OrderCancelled', 'cancelled', 4),
  row('event-driven', 'inventory.publish', 'placed', 1, beforeItsWrite),
  row('event-driven', 'inventory.findUnpublished', 'left', 0, soleRelay),
];

/** The activity that a row strikes, without the kind of message. */
export const activityOf = ({ activity }: Pick<Case<string>, 'activity'>): string =>
  activity.split(':')[0] ?? activity;
