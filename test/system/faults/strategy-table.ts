import type { Strategy } from '../../../domain/strategies.ts';
import type { Place } from './fault-injection.ts';
import { always, type Case } from './points.ts';

/**
 * What leads to an activity: an order that is placed, refused, or cancelled while its stock is held; one whose first
 * announcement was lost, was left in an outbox when nobody was told of it, or found no room in its mailbox.
 */
export type StrategyStory = 'placed' | 'refused' | 'cancelled' | 'unheard' | 'left' | 'unkept';

type Row = Case<StrategyStory> & { readonly strategy: Strategy };

const OUTCOMES = {
  placed: 'confirmed',
  refused: 'rejected',
  cancelled: 'cancelled',
  unheard: 'confirmed',
  left: 'confirmed',
  unkept: 'confirmed',
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
const announced = (strategy: Strategy, type: string, story: StrategyStory, writes: number) =>
  row(strategy, `inventory.handle:${type}`, story, writes, {
    struck: struckIn(writes),
    ...(story === 'cancelled' ? {} : { kills: before(1, Math.min(DECIDING, writes - 1)) }),
  });
const withItsAnswer = { kills: [{ at: 'answer' }] } as const;
const beforeItsWrite = { kills: before(1) };
// An order that waits for an answer says so again after a minute: too long for a worker that waits to be killed. What sweeps
// and confirms is asked for once for many, so it can't hang for each of them in its turn.
const unhurried = { killable: false } as const;

/** Activity × boundary → outcome, in the strategies that have no coordinator. A write is one of a document of its own. */
export const strategyTable: readonly Row[] = [
  row('message-queue', 'orders.prepare', 'placed', 1, { late: ['ok', 'LateArrival'], ...withItsAnswer }),
  row('message-queue', 'orders.decide', 'placed', 1, withItsAnswer),
  row('message-queue', 'orders.decide', 'refused', 1, withItsAnswer),
  row('message-queue', 'orders.announce', 'unheard', 0, unhurried),
  announced('message-queue', 'ReserveStock', 'placed', 5),
  announced('message-queue', 'ReserveStock', 'refused', 9),
  announced('message-queue', 'SellStock', 'placed', 4),
  announced('message-queue', 'ReleaseStock', 'refused', 5),
  announced('message-queue', 'ReleaseStock', 'cancelled', 4),

  row('event-driven', 'orders.prepare', 'placed', 1, { late: ['ok', 'LateArrival'], ...withItsAnswer }),
  row('event-driven', 'orders.announce', 'unheard', 0, unhurried),
  row('event-driven', 'orders.decide', 'cancelled', 1),
  row('event-driven', 'orders.handle:StockReserved', 'placed', 1, beforeItsWrite),
  row('event-driven', 'orders.handle:StockRejected', 'refused', 1, beforeItsWrite),
  announced('event-driven', 'OrderPlaced', 'placed', 5),
  announced('event-driven', 'OrderPlaced', 'refused', 8),
  announced('event-driven', 'OrderConfirmed', 'placed', 4),
  announced('event-driven', 'OrderRejected', 'refused', 6),
  announced('event-driven', 'OrderCancelled', 'cancelled', 4),
  ...(['orders', 'inventory'] as const).flatMap((service) => [
    row('event-driven', `${service}.confirmPublished`, 'placed', 1, unhurried),
    row('event-driven', `${service}.findAnnouncements`, 'unkept', 0, unhurried),
    row('event-driven', `${service}.publishLeftBehind`, 'left', 0, unhurried),
  ]),
];

/** The activity that a row strikes, without the kind of message. */
export const activityOf = ({ activity }: Pick<Case<string>, 'activity'>): string =>
  activity.split(':')[0] ?? activity;
