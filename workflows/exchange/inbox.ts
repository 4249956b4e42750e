import { condition, continueAsNew, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import { causeOf } from '../order/failures.ts';
import { tryNowSignal, waitingQuery } from '../order/messages.ts';
import { Backlog, type Carried, type Outranks } from './backlog.ts';

/** The work of a workflow on the items that arrive at it. */
export interface Treatment<Item> {
  /** The most items that are handled at once. */
  readonly batch: number;
  /** By default a later item takes the place of any earlier one of its order. */
  readonly outranks?: Outranks;
  /** Handles a batch, and returns why items of it failed, by order id. If it throws, all have failed. */
  handle(batch: readonly Item[]): Promise<ReadonlyMap<string, string>>;
  /** Asks an order to say again what was not kept of it; returns false if nobody is there. It must not throw. */
  askAgain(orderId: string): Promise<boolean>;
}

/**
 * The items that arrive at a workflow, which handles whatever waits in one batch. At most one item of an order is being
 * handled at a time, so those of one order keep their order; what fails is tried again, and keeps nobody else waiting.
 *
 * Such a workflow must run on the worker of those who fill it: then it takes in whatever they tell, and begins a new
 * run before its history is long, however long the service that handles its items is down.
 */
export class Inbox<Item> {
  private readonly backlog: Backlog<Item>;
  private readonly treatment: Treatment<Item>;

  constructor(carried: Carried<Item>, treatment: Treatment<Item>) {
    this.treatment = treatment;
    this.backlog = new Backlog(carried, treatment.outranks ?? (() => false));
    setHandler(waitingQuery, () => this.backlog.allViews().slice(0, MOST_SHOWN));
    setHandler(tryNowSignal, (orderId) => this.backlog.tryNow(orderId));
  }

  add(orderId: string, type: string, item: Item): void {
    this.backlog.add(orderId, type, item);
  }

  /** Handles what arrives until the history is long; then goes on in a new run, with these arguments and what is left. */
  async handleAll(first: readonly unknown[]): Promise<never> {
    while (!isHistoryLong()) {
      await this.askForUnkept();
      const batch = this.backlog.take(this.treatment.batch);
      setCurrentDetails(this.backlog.details());
      if (batch.length === 0) await this.untilReady();
      else await this.handleBatch(batch);
    }
    const { waiting, unkept } = this.backlog.carry();
    return continueAsNew(...first, waiting, unkept);
  }

  private async askForUnkept(): Promise<void> {
    await Promise.all(
      this.backlog.unkeptToAsk().map(async (orderId) => {
        this.backlog.asked(orderId);
        if (!(await this.treatment.askAgain(orderId))) this.backlog.forget(orderId);
      }),
    );
  }

  /** If the service is down, there is no end: a history that gets too long goes on in a new run, batch and all. */
  private async handleBatch(batch: readonly Item[]): Promise<void> {
    let failed: ReadonlyMap<string, string> | undefined;
    this.treatment
      .handle(batch)
      .catch((error) => this.backlog.allFailed(causeOf(error)))
      .then((found) => {
        failed = found;
      });
    await condition(() => failed !== undefined || isHistoryLong(TOO_LONG_HISTORY));
    if (failed !== undefined) this.backlog.putBack(failed);
  }

  private async untilReady(): Promise<void> {
    const next = this.backlog.nextAt();
    const isReady = () => this.backlog.isReady() || isHistoryLong();
    if (next === Number.POSITIVE_INFINITY) await condition(isReady);
    else await condition(isReady, Math.max(1, next - Date.now()), RETRY_TIMER);
  }
}

function isHistoryLong(most = LONG_HISTORY): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength > most;
}

const RETRY_TIMER = { summary: 'Until what has failed is tried again' };
// Short enough that a worker that has to replay it is back at once.
const LONG_HISTORY = 2_000;
// Far below the 10,000 signals that Temporal takes: what is being handled is put off for it.
const TOO_LONG_HISTORY = 2 * LONG_HISTORY;
// An answer of Temporal's takes 2 MB.
const MOST_SHOWN = 1_000;
