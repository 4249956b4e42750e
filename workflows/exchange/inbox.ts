import {
  type ActivityOptions,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { z } from 'zod';
import { waitingDetails } from '../../domain/current-details.ts';
import { identifier } from '../../domain/order.ts';
import { BATCH_HEARTBEAT, policies } from '../../domain/policies.ts';
import { tryNowSignal, type WaitingView, waitingQuery } from '../order/messages.ts';
import { optionsOf } from '../order/participants.ts';

/** Something that waits to be handled, and how that has gone so far. Times are milliseconds since 1970. */
export interface Waiting<Item> {
  readonly orderId: string;
  readonly item: Item;
  readonly type: string;
  readonly since: number;
  readonly failures: number;
  readonly lastError: string;
  readonly retryAt: number;
}

const waitingSchema = z.object({
  orderId: identifier(),
  item: z.unknown(),
  type: z.string(),
  since: z.number(),
  failures: z.int().min(0),
  lastError: z.string(),
  retryAt: z.number(),
});

/**
 * What the run before this one left. Anyone may start a workflow, and one that fails on what it is given would keep its
 * id from the one that is needed: so what makes no sense is dropped.
 *
 * @param validItem Returns the item, or nothing where it is none.
 */
export function carriedOver<Item>(
  carried: unknown,
  validItem: (item: unknown) => Item | undefined,
): Waiting<Item>[] {
  if (!Array.isArray(carried)) return [];
  return carried.flatMap((entry) => {
    const waiting = waitingSchema.safeParse(entry).data;
    const item = validItem(waiting?.item);
    return waiting === undefined || item === undefined ? [] : [{ ...waiting, item }];
  });
}

type Handle<Item> = (batch: readonly Item[]) => Promise<ReadonlyMap<string, string>>;

/**
 * What has arrived at a workflow that handles whatever waits in one batch, as long as it lives. At most one item of an
 * order is being handled at a time, so those of one order keep their order; what fails is tried again by itself, and
 * keeps nobody else waiting.
 */
export class Inbox<Item> {
  private readonly waiting: Map<string, Waiting<Item>>;
  private readonly batch: number;
  private handling: readonly Waiting<Item>[] = [];

  /**
   * @param batch How many are handled at once, at most.
   * @param carried What the run before this one left.
   */
  constructor(batch: number, carried: readonly Waiting<Item>[]) {
    this.batch = batch;
    this.waiting = new Map(carried.map((entry) => [entry.orderId, entry]));
    setHandler(waitingQuery, () => this.views());
    setHandler(tryNowSignal, (orderId) => {
      const found = this.waiting.get(orderId);
      if (found !== undefined) this.waiting.set(orderId, { ...found, retryAt: 0 });
    });
  }

  /** Takes an item in. What waits for the same order gives way, unless it `outranks` the new one. */
  add(orderId: string, type: string, item: Item, outranks: (waiting: Item) => boolean = () => false): void {
    const found = this.waiting.get(orderId);
    if (found !== undefined && outranks(found.item)) return;
    this.waiting.set(orderId, {
      ...{ orderId, type, item, since: Date.now() },
      ...{ failures: 0, lastError: '', retryAt: 0 },
    });
  }

  /**
   * Handles what arrives until the history is long, and then goes on in a new run.
   *
   * @param first The arguments of the new run, before what is left.
   * @param handle Handles a batch, and returns why items of it failed, by order id. It must not throw.
   */
  async handleAll(first: readonly unknown[], handle: Handle<Item>): Promise<never> {
    while (!this.shouldContinueAsNew()) {
      this.handling = this.ready().slice(0, this.batch);
      for (const { orderId } of this.handling) this.waiting.delete(orderId);
      setCurrentDetails(waitingDetails(this.handling.length, this.views()));
      if (this.handling.length === 0) await this.untilReady();
      else await this.handleBatch(handle);
    }
    return continueAsNew(...first, [...this.waiting.values()]);
  }

  private views(): WaitingView[] {
    return [...this.handling, ...this.waiting.values()].map(viewOf);
  }

  private async handleBatch(handle: Handle<Item>): Promise<void> {
    const failed = await handle(this.handling.map(({ item }) => item));
    for (const entry of this.handling) this.putBack(entry, failed.get(entry.orderId));
  }

  /** What is carried along must fit into one payload; while there is more, the history has to grow. */
  private shouldContinueAsNew(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    return (continueAsNewSuggested || historyLength > LONG_HISTORY) && this.waiting.size <= MAXIMUM_CARRIED;
  }

  private async untilReady(): Promise<void> {
    const next = Math.min(...[...this.waiting.values()].map(({ retryAt }) => retryAt));
    const isReady = () => this.ready().length > 0 || this.shouldContinueAsNew();
    if (next === Number.POSITIVE_INFINITY) await condition(isReady);
    else await condition(isReady, Math.max(1, next - Date.now()), RETRY_TIMER);
  }

  private ready(): Waiting<Item>[] {
    const now = Date.now();
    return [...this.waiting.values()].filter(({ retryAt }) => retryAt <= now);
  }

  /** A newer item of the same order has taken its place. */
  private putBack(entry: Waiting<Item>, lastError: string | undefined): void {
    if (lastError === undefined || this.waiting.has(entry.orderId)) return;
    const { firstRetry, longestRetry } = policies.settle;
    const wait = Math.min(longestRetry, firstRetry * 2 ** entry.failures);
    const failures = entry.failures + 1;
    this.waiting.set(entry.orderId, { ...entry, failures, lastError, retryAt: Date.now() + wait });
  }
}

const RETRY_TIMER = { summary: 'Until what has failed is tried again' };
// Short enough that a worker that has to replay it is back at once.
const LONG_HISTORY = 2_000;
// Messages of a hundred lines have 5 KB each, and Temporal takes 2 MB.
const MAXIMUM_CARRIED = 200;

function viewOf<Item>({ orderId, type, failures, lastError, since, retryAt }: Waiting<Item>): WaitingView {
  const nextAttemptAt = retryAt === 0 ? {} : { nextAttemptAt: new Date(retryAt).toISOString() };
  return { orderId, type, failures, lastError, since: new Date(since).toISOString(), ...nextAttemptAt };
}

/**
 * How a batch is tried. After some attempts it is put back, so that what is hopeless doesn't keep the rest waiting; before
 * that the history doesn't grow, however long a database is down.
 *
 * @param activity Its full name.
 */
export function batchOptions(activity: string): ActivityOptions {
  const { retry, ...options } = optionsOf('settle', activity);
  return { ...options, heartbeatTimeout: BATCH_HEARTBEAT, retry: { ...retry, maximumAttempts: 5 } };
}
