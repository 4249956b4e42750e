import { AsyncLocalStorage } from 'node:async_hooks';
import { activityInfo } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Collection, Db } from 'mongodb';
import { ConcordError } from '../../domain/errors.ts';
import { createGate, type Gate } from '../support/gate.ts';

/** Where in an activity: before it does anything, around its nth write (from 1), or when it has done everything. */
export type Place =
  | { readonly at: 'start' | 'answer' }
  | { readonly at: 'before' | 'after'; readonly write: number };

/** What befalls the first attempt of an activity: it fails there, or it hangs there until it is released. */
export interface Fault {
  readonly place: Place;
  readonly effect: 'fail' | 'hang';
}

/** What befalls the first attempts of one subject: an order, a delivery or a question, known by its id. */
export interface Plan {
  readonly subject: string;
  readonly faults: Readonly<Record<string, Fault>>;
  /** Activities that begin only when another one has ended. */
  readonly order?: Readonly<Record<string, string>>;
}

/** How an attempt ended, as the activity itself saw it: with its answer, or with this failure. */
export type Ending = 'ok' | string;

interface Attempt {
  readonly fault: Fault | undefined;
  readonly hang: () => Promise<void>;
  writes: number;
}

/** Makes chosen first attempts fail or hang at chosen places, and remembers what all attempts did. */
export class FaultInjector {
  private readonly plans: ReadonlyMap<string, Plan>;
  private readonly onHang: (subject: string) => void;
  private readonly running = new AsyncLocalStorage<Attempt>();
  private readonly gates = new Map<string, Gate>();
  private readonly endings = new Map<string, { ending: Ending; writes: number }>();

  constructor(plans: readonly Plan[], onHang: (subject: string) => void = () => {}) {
    this.plans = new Map(plans.map((plan) => [plan.subject, plan]));
    this.onHang = onHang;
  }

  /** Goes inside Concord's own interceptor, as near to the activity as possible. */
  readonly interceptor: ActivityInterceptorsFactory = () => ({
    inbound: {
      execute: async (input, next) => {
        const { activityType, attempt: number } = activityInfo();
        const subject = subjectOf(input.args[0]);
        const plan = number === 1 ? this.plans.get(subject) : undefined;
        const predecessor = plan?.order?.[activityType];
        if (predecessor !== undefined) await this.ended(subject, predecessor);
        const fault = plan?.faults[activityType];
        const hang = async () => {
          this.gate('hanging', subject, activityType).open();
          this.onHang(subject);
          await this.gate('released', subject, activityType).opened;
        };
        const attempt: Attempt = { fault, hang, writes: 0 };
        await strike(attempt, { at: 'start' });
        const [result] = await Promise.allSettled([this.running.run(attempt, () => next(input))]);
        const ending = endingOf(result);
        this.endings.set(`${subject} ${activityType} ${number}`, { ending, writes: attempt.writes });
        try {
          await strike(attempt, { at: 'answer' });
        } finally {
          this.gate('ended', subject, activityType, number).open();
        }
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      },
    },
  });

  /** The database as the activities see it: each write of an attempt is counted, and may be struck. */
  wrap(database: Db): Db {
    return replacing(database, (name, value) => {
      if (name !== 'collection') return undefined;
      return (...args: unknown[]) => this.wrapCollection(Reflect.apply(value, database, args) as Collection);
    });
  }

  private wrapCollection(collection: Collection): Collection {
    return replacing(collection, (name, value) => {
      if (!WRITES.has(name)) return undefined;
      return async (...args: unknown[]) => {
        const attempt = this.running.getStore();
        if (attempt === undefined) throw new Error(`${name} outside an activity`);
        attempt.writes += 1;
        const { writes: write } = attempt;
        await strike(attempt, { at: 'before', write });
        // A write that finds its `_id` taken has reached the database as well.
        const [result] = await Promise.allSettled([Reflect.apply(value, collection, args) as unknown]);
        await strike(attempt, { at: 'after', write });
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      };
    });
  }

  /** Resolves when the first attempt hangs where its plan says. */
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

  /** What an attempt did; undefined where it was never begun, or was struck before it could do anything. */
  attempt(subject: string, activity: string, number: number) {
    return this.endings.get(`${subject} ${activity} ${number}`);
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

async function strike({ fault, hang }: Attempt, here: Place): Promise<void> {
  if (fault === undefined || JSON.stringify(fault.place) !== JSON.stringify(here)) return;
  if (fault.effect === 'hang') await hang();
  else throw new Error(`the connection broke: ${JSON.stringify(here)}`);
}

function endingOf(result: PromiseSettledResult<unknown>): Ending {
  if (result.status === 'fulfilled') return 'ok';
  return result.reason instanceof ConcordError ? result.reason.code : String(result.reason);
}

/** The id of what an activity is about, whatever its argument looks like. */
function subjectOf(argument: unknown): string {
  if (typeof argument === 'string' || typeof argument === 'number') return String(argument);
  if (Array.isArray(argument)) return subjectOf(argument[0]);
  if (typeof argument !== 'object' || argument === null) return '';
  const fields = {
    order: undefined,
    orderId: undefined,
    receiptId: undefined,
    customerId: undefined,
    ...argument,
  };
  return subjectOf(fields.order ?? fields.orderId ?? fields.receiptId ?? fields.customerId);
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
