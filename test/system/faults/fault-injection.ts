import { AsyncLocalStorage } from 'node:async_hooks';
import { activityInfo } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Collection, Db } from 'mongodb';
import type { Announcement } from '../../../domain/announcements.ts';
import { ConcordError } from '../../../domain/errors.ts';
import { createGate, type Gate } from '../../support/gate.ts';

/** Where in an activity: before it does anything, around its nth write (from 1), or when it has done everything. */
export type Place =
  | { readonly at: 'start' | 'answer' }
  | { readonly at: 'before' | 'after'; readonly write: number };

/** What befalls the first attempt of an activity that comes there: it fails, or it hangs until it is released. */
export interface Fault {
  readonly place: Place;
  readonly effect: 'fail' | 'hang';
  /** Befalls every attempt that comes there, until it is released. */
  readonly isRelentless?: true;
}

/** What befalls the first attempts of one subject: an order, a delivery or a question, known by its id. */
export interface Plan {
  readonly subject: string;
  readonly faults: Readonly<Record<string, Fault>>;
  /** Activities that answer without doing anything: what they are asked for is on record, and what they told is lost. */
  readonly skipped?: readonly string[];
  /** Activities whose first attempt begins only when another one's has ended. */
  readonly order?: Readonly<Record<string, string>>;
}

/** How an attempt ended, as the activity itself saw it: with its answer, or with this failure. */
export type Ending = 'ok' | string;

/** What an activity does for one subject: all that most of them do; one message or one outbox of a batch. */
interface Attempt {
  readonly subject: string;
  readonly activity: string;
  readonly number: number;
  readonly plan: Plan | undefined;
  writes: number;
  /** Calls of the database that have not answered, and when the last one did. */
  pending: number;
  lastCall: number;
}

/** Makes chosen attempts fail or hang at chosen places, once each, and remembers what all attempts did. */
export class FaultInjector {
  private readonly plans: ReadonlyMap<string, Plan>;
  private readonly onHang: (subject: string) => void;
  private readonly isRelentless: boolean;
  private readonly running = new AsyncLocalStorage<readonly Attempt[]>();
  private readonly gates = new Map<string, Gate>();
  private readonly askers = new Map<string, string>();
  private readonly counts = new Map<string, number>();
  private readonly struck = new Map<string, Attempt>();
  private readonly endings = new Map<string, { ending: Ending; attempt: Attempt }>();

  /** @param isRelentless As if every fault were: for workers that are to be killed there. */
  constructor(
    plans: readonly Plan[],
    onHang: (subject: string) => void = () => {},
    { isRelentless = false } = {},
  ) {
    this.plans = new Map(plans.map((plan) => [plan.subject, plan]));
    this.onHang = onHang;
    this.isRelentless = isRelentless;
  }

  /** From now on, what this workflow asks for without saying for whom counts as asked for this subject. */
  askFor(subject: string, workflowId: string): void {
    this.askers.set(workflowId, subject);
  }

  /** Goes inside Concord's own interceptor, as near to the activity as possible. */
  readonly interceptor: ActivityInterceptorsFactory = () => ({
    inbound: {
      execute: async (input, next) => {
        const attempts = partsOf(input.args[0]).map((part) => this.begin(part));
        const isFirst = activityInfo().attempt === 1;
        for (const { subject, activity, plan } of attempts) {
          const predecessor = isFirst ? plan?.order?.[activity] : undefined;
          if (predecessor !== undefined) await this.ended(subject, predecessor);
        }
        await this.strikeAll(attempts, { at: 'start' });
        const isSkipped = attempts.some(({ plan, activity }) => plan?.skipped?.includes(activity));
        const work = () => (isSkipped ? undefined : next(input));
        const [result] = await Promise.allSettled([this.running.run(attempts, work)]);
        for (const attempt of attempts) {
          const { subject, activity, number } = attempt;
          this.endings.set(`${subject} ${activity} ${number}`, { ending: endingOf(result), attempt });
        }
        try {
          await this.strikeAll(attempts, { at: 'answer' });
        } finally {
          for (const { subject, activity, number } of attempts) {
            this.gate('ended', subject, activity, number).open();
          }
        }
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      },
    },
  });

  private begin({ subject: named, activity }: Part): Attempt {
    const subject = this.askers.get(named) ?? named;
    const key = `${subject} ${activity}`;
    const number = this.attempts(subject, activity) + 1;
    this.counts.set(key, number);
    const plan = this.plans.get(subject);
    return { subject, activity, number, plan, writes: 0, pending: 0, lastCall: 0 };
  }

  private async strikeAll(attempts: readonly Attempt[], here: Place): Promise<void> {
    await Promise.all(attempts.map((attempt) => this.strike(attempt, here)));
  }

  private async strike(attempt: Attempt, here: Place): Promise<void> {
    const { subject, activity, plan } = attempt;
    const fault = plan?.faults[activity];
    if (fault === undefined || JSON.stringify(fault.place) !== JSON.stringify(here)) return;
    const key = `${subject} ${activity}`;
    if (this.struck.has(key) && !(this.isRelentless || fault.isRelentless)) return;
    this.struck.set(key, attempt);
    if (fault.effect === 'fail') throw new Error(`the connection broke: ${JSON.stringify(here)}`);
    this.gate('hanging', subject, activity).open();
    this.onHang(subject);
    await this.gate('released', subject, activity).opened;
  }

  /** The database as the activities see it: each write of an attempt is counted, and may be struck. */
  wrap(database: Db): Db {
    return replacing(database, (name, value) => {
      if (name !== 'collection') return undefined;
      return (...args: unknown[]) => this.wrapCollection(Reflect.apply(value, database, args) as Collection);
    });
  }

  private wrapCollection(collection: Collection): Collection {
    return replacing(collection, (name, value) => {
      const isWrite = WRITES.has(name);
      if (!isWrite && name !== 'findOne') return undefined;
      return async (...args: unknown[]) => {
        const running = this.running.getStore() ?? [];
        const owners = ownersOf(args[0]);
        const owned = running.filter(({ subject }) => owners.includes(subject));
        const attempts = owned.length > 0 ? owned : running.slice(0, 1);
        if (attempts.length === 0) throw new Error(`${name} outside an activity`);
        for (const attempt of attempts) attempt.pending += 1;
        try {
          return await this.call(attempts, isWrite, () => Reflect.apply(value, collection, args) as unknown);
        } finally {
          for (const attempt of attempts) {
            attempt.pending -= 1;
            attempt.lastCall = Date.now();
          }
        }
      };
    });
  }

  private async call(attempts: readonly Attempt[], isWrite: boolean, call: () => unknown): Promise<unknown> {
    if (!isWrite) return call();
    // The lines of an order are written side by side, so each write keeps its number.
    const numbered = attempts.map((attempt) => {
      attempt.writes += 1;
      return [attempt, attempt.writes] as const;
    });
    const strikeAll = (at: 'before' | 'after') =>
      Promise.all(numbered.map(([attempt, write]) => this.strike(attempt, { at, write })));
    await strikeAll('before');
    // A write that finds its `_id` taken has reached the database as well.
    const [result] = await Promise.allSettled([call()]);
    await strikeAll('after');
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }

  /** Resolves when an attempt hangs where its plan says. */
  hanging(subject: string, activity: string): Promise<void> {
    return this.gate('hanging', subject, activity).opened;
  }

  release(subject: string, activity: string): void {
    this.gate('released', subject, activity).open();
  }

  /** Resolves when that attempt is over, whatever Temporal thinks of it. */
  ended(subject: string, activity: string, attempt = 1): Promise<void> {
    return this.gate('ended', subject, activity, attempt).opened;
  }

  /** How many attempts these workers have made, or begun. */
  attempts(subject: string, activity: string): number {
    return this.counts.get(`${subject} ${activity}`) ?? 0;
  }

  /** True where any activity of this subject has had more than one attempt. */
  isRepeated(subject: string): boolean {
    return [...this.counts].some(([key, count]) => key.startsWith(`${subject} `) && count > 1);
  }

  /** Which attempt was struck; undefined where none came to its place. */
  struckAttempt(subject: string, activity: string): number | undefined {
    return this.struck.get(`${subject} ${activity}`)?.number;
  }

  /** True when what was struck calls the database no more: also where its activity has not waited for it. */
  isQuiet(subject: string, activity: string): boolean {
    const attempt = this.struck.get(`${subject} ${activity}`);
    return attempt === undefined || (attempt.pending === 0 && Date.now() - attempt.lastCall > QUIET);
  }

  /** What an attempt did; undefined where it was never begun, or was struck before it could do anything. */
  attempt(subject: string, activity: string, number: number) {
    const found = this.endings.get(`${subject} ${activity} ${number}`);
    return found && { ending: found.ending, writes: found.attempt.writes };
  }

  private gate(...name: (string | number)[]): Gate {
    const key = name.join(' ');
    const gate = this.gates.get(key) ?? createGate();
    this.gates.set(key, gate);
    return gate;
  }
}

const WRITES = new Set([
  ...['insertOne', 'insertMany', 'updateOne', 'updateMany', 'replaceOne', 'deleteOne', 'deleteMany'],
  ...['findOneAndUpdate', 'findOneAndReplace', 'findOneAndDelete', 'bulkWrite'],
]);

// Between two calls of the database there is at most one of Temporal. Milliseconds.
const QUIET = 1_000;

function endingOf(result: PromiseSettledResult<unknown>): Ending {
  if (result.status === 'fulfilled') return 'ok';
  return result.reason instanceof ConcordError ? result.reason.code : String(result.reason);
}

interface Part {
  readonly subject: string;
  readonly activity: string;
}

/** What the activity that runs is to do, announcement by announcement where it takes a batch of them. */
function partsOf(argument: unknown): Part[] {
  const { activityType: activity, workflowExecution } = activityInfo();
  if (argument === undefined) return [{ subject: workflowExecution?.workflowId ?? '', activity }];
  if (/\.(confirmPublished|findAnnouncements)$/.test(activity)) {
    const orderIds = new Set((argument as string[]).map((id) => id.split('/')[0] ?? ''));
    return [...orderIds].map((subject) => ({ subject, activity }));
  }
  if (!activity.endsWith('.handle')) return [{ subject: subjectOf(argument), activity }];
  return (argument as Announcement[]).map(({ subject, type }) => ({
    subject,
    activity: `${activity}:${type}`,
  }));
}

/** The id of what an activity is about, whatever its argument looks like. */
function subjectOf(argument: unknown): string {
  if (typeof argument === 'string' || typeof argument === 'number') return String(argument);
  if (Array.isArray(argument)) return subjectOf(argument[0]);
  if (typeof argument !== 'object' || argument === null) return '';
  const fields = {
    ...{ order: undefined, orderId: undefined, receiptId: undefined, customerId: undefined },
    ...{ subject: undefined, ...argument },
  };
  const { order, orderId, receiptId, customerId, subject } = fields;
  return subjectOf(subject ?? order ?? orderId ?? receiptId ?? customerId);
}

/** The orders whose documents, or one of whose SKUs, a call of the database is about. */
function ownersOf(filter: unknown): string[] {
  const { _id } = filter as { _id?: { $in?: readonly unknown[] } | string };
  const ids: readonly unknown[] = (typeof _id === 'object' && _id?.$in) || [_id];
  return ids.map((id) => String(id).replace(/:[ABC]$/, ''));
}

type Method = (...args: unknown[]) => unknown;

function replacing<Target extends object>(
  target: Target,
  replacement: (name: string, value: Method) => Method | undefined,
): Target {
  return new Proxy(target, {
    get(_, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return replacement(String(property), value as Method) ?? value.bind(target);
    },
  });
}
