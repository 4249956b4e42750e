import type { Strategy } from '../../../domain/strategies.ts';
import type { IdentifiedOrder } from '../../support/consistency.ts';
import type { Ending, Fault, Place } from './fault-injection.ts';

export const boundaries = [
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
export type Boundary = (typeof boundaries)[number];

/** A row of a table: an activity, and what becomes of it. */
export interface Case<Story extends string> {
  readonly activity: string;
  /** What leads to the activity, and how it ends where nothing is struck. */
  readonly story: Story;
  /** How many writes an attempt makes where nothing is struck. */
  readonly writes: number;
  /** Which of them are struck, from 1; by default each. */
  readonly struck?: readonly number[];
  /** How the story ends after each boundary. */
  readonly outcomes: Readonly<Record<Boundary, string>>;
  /** How a late try may end where there was something left to do for it. */
  readonly late: readonly Ending[];
  /** False where the worker of this story can't be killed in one place at a time. */
  readonly killable?: false;
  /** Where the worker is killed; by default, wherever the activity may hang. */
  readonly kills?: readonly Place[];
  /** Absent where the order is placed by default. */
  readonly strategy?: Strategy;
}

export const always = (outcome: string): Record<Boundary, string> => ({
  'before the write': outcome,
  'after the write': outcome,
  'answer lost': outcome,
  'late try': outcome,
  'worker killed': outcome,
});

/** One place in one activity of one story, and what happens there; without a fault, nothing does. */
export interface Point<Story extends string> extends Omit<Case<Story>, 'outcomes' | 'struck'> {
  readonly boundary: Boundary | 'rolled back meanwhile' | undefined;
  readonly outcome: string;
  readonly fault: Fault | undefined;
  /** The order id, receipt id or whatever the story is known by. */
  readonly subject: string;
}

/** The row undisturbed, and struck once in each place of each boundary. */
export function pointsOf<Story extends string>({ outcomes, struck, ...row }: Case<Story>): Point<Story>[] {
  const { writes } = row;
  const chosen = struck ?? Array.from({ length: writes }, (_, index) => index + 1);
  const eachWrite = (at: 'before' | 'after') => chosen.map((write): Place => ({ at, write }));
  const start: Place = writes === 0 ? { at: 'start' } : { at: 'before', write: 1 };
  const hangs = [...(writes === 0 ? [start] : eachWrite('before')), { at: 'answer' } as const];
  const places: Record<Boundary, { effect: Fault['effect']; at: readonly Place[] }> = {
    'before the write': { effect: 'fail', at: [start] },
    'after the write': { effect: 'fail', at: eachWrite('after') },
    'answer lost': { effect: 'fail', at: [{ at: 'answer' }] },
    'late try': { effect: 'hang', at: hangs },
    'worker killed': { effect: 'hang', at: row.killable === false ? [] : (row.kills ?? hangs) },
  };
  const faulty = boundaries.flatMap((boundary) => {
    const { effect, at } = places[boundary];
    return at.map((place): Point<Story> => {
      const fault = { effect, place };
      const subject = subjectOf(row, boundary, place);
      return { ...row, boundary, outcome: outcomes[boundary], fault, subject };
    });
  });
  const subject = subjectOf(row, 'undisturbed');
  return [
    { ...row, boundary: undefined, outcome: outcomes['answer lost'], fault: undefined, subject },
    ...faulty,
  ];
}

/** Names a point, so that each has an order and SKUs of its own. */
export function subjectOf(
  { activity, story, strategy }: Pick<Case<string>, 'activity' | 'story' | 'strategy'>,
  what: string,
  place?: Place,
): string {
  const where = place === undefined ? [] : [place.at, ...('write' in place ? [place.write] : [])];
  const how = strategy === undefined ? [] : [strategy];
  return [activity, ...how, story, what, ...where].join(':').replaceAll(' ', '-');
}

export const isRead = ({ writes }: Pick<Point<string>, 'writes'>) => writes === 0;
export const isKilled = ({ boundary }: Pick<Point<string>, 'boundary'>) => boundary === 'worker killed';

export const QUANTITIES = { A: 1, B: 2, C: 3 };

/** The order of a point, of three SKUs of its own. */
export function orderOf({ subject }: Pick<Point<string>, 'subject'>): IdentifiedOrder {
  const lines = Object.entries(QUANTITIES).map(([name, quantity]) => ({
    sku: `${subject}:${name}`,
    quantity,
  }));
  return { orderId: subject, customerId: 'customer', lines };
}

/** How a point's story went. */
export interface Result {
  readonly outcome: string;
  /** What the first attempt that hung answered in the end, and whether it changed anything. */
  readonly late?: { readonly ending: Ending | undefined; readonly before: unknown; readonly after: unknown };
}
