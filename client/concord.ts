import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Client,
  Connection,
  type ConnectionOptions,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Workflow, WorkflowResultType } from '@temporalio/common';
import { defined } from '../domain/defined.ts';
import { ConcordError } from '../domain/errors.ts';
import { identifier, type Order, type OrderOutcome, parseOrder, sameContent } from '../domain/order.ts';
import type { EventFilter, OrderFilter, OrderRecord } from '../domain/order-record.ts';
import { parseEventFilter, parseOrderFilter } from '../domain/order-record.ts';
import { restockSummary } from '../domain/order-text.ts';
import type { PageOptions } from '../domain/page.ts';
import type { CancelRequest, PlaceOrderInput } from '../domain/place-order.ts';
import { parseCancelRequest, parsePlaceOrderInput, workflowIdOf } from '../domain/place-order.ts';
import { policies, READ_BUDGET } from '../domain/policies.ts';
import { type OperatorRequest, parseResolveRequest } from '../domain/resolution.ts';
import type { ServiceName } from '../domain/services.ts';
import { parseReceipt, parseStockQuestion, type Receipt, type StockLevel } from '../domain/stock.ts';
import { DEFAULT_STRATEGY } from '../domain/strategies.ts';
import { parseStuckOptions, type StuckLimits, type StuckStep } from '../domain/stuck-step.ts';
import { invalidInput, parse } from '../domain/validation.ts';
import { temporalFailure } from '../platform/connection/connection-failure.ts';
import { clientOptions } from '../platform/connection/proxy.ts';
import { OrderIndex, type Shown } from '../platform/display/order-display.ts';
import {
  findSearchAttributes,
  registerSearchAttributes,
} from '../platform/display/register-search-attributes.ts';
import { dataConverterOf } from '../platform/encryption/data-converter.ts';
import type { EncryptionKeys } from '../platform/encryption/keys.ts';
import { readEncryption } from '../platform/settings/read-encryption.ts';
import { readTemporal } from '../platform/settings/read-temporal.ts';
import { within } from '../platform/time-limit.ts';
import type { Tracing } from '../platform/tracing/tracing.ts';
import { describeExecution, isRunning } from '../platform/visibility/executions.ts';
import { findAllStuckSteps } from '../platform/visibility/stuck-steps.ts';
import type { readStock, restock } from '../workflows/inventory.ts';
import { decisionUpdate } from '../workflows/order/messages.ts';
import type { findOrder, listOrders, placeOrder } from '../workflows/orders.ts';
import { requestCancel } from './cancelling.ts';
import { eventFollower, findEvents, type OrderEvent } from './events.ts';
import { firstInput } from './history.ts';
import { allPages, firstOf } from './pages.ts';
import { isTaken, type Retried, resolvedOutcome, retryNow, startResolution } from './recovery.ts';
import { translated, unreachableAt } from './temporal-failures.ts';
import { type OrderHandle, type OrderView, viewOf, viewOfRecord } from './view.ts';

/** An order to place. Without an order id it gets a new one, and then repeating it places another order. */
export interface NewOrder {
  readonly orderId?: string;
  readonly customerId: string;
  /** 1 to 100 lines; lines of the same SKU are added up. */
  readonly lines: Order['lines'];
}

/** `accepted`: the order is durable. `decided`: its outcome is. `final`: every service has recorded it. */
export type WaitFor = 'accepted' | 'decided' | 'final';

/** An order that is joined keeps its own budget and strategy. */
export interface PlaceOptions extends Pick<PlaceOrderInput, 'prepareBudget' | 'strategy'> {
  /** When to return; `final` by default. */
  readonly wait?: WaitFor;
}

/** An order as far as it is durable when `place` returns: `pending` if it is accepted and not yet decided. */
export interface Placed extends Pick<OrderOutcome, 'orderId' | 'reason'> {
  readonly status: OrderOutcome['status'] | 'pending';
  /** True if it had been placed before. For `accepted`, only Temporal is asked, which may no longer keep the first one. */
  readonly joined: boolean;
}

/** The same as an order's workflow tells it, which knows only of an earlier one. */
type Told = Omit<Placed, 'joined'> & Pick<OrderOutcome, 'joined'>;

export interface Cancelled {
  readonly orderId: string;
  /** `requested` if the order service is down: the request is durable, and decided when the service is back. */
  readonly status: 'cancelled' | 'requested';
}

/** From when on an order's step counts as stuck: 5 failures and 60,000 milliseconds by default. */
export type StuckOptions = Partial<StuckLimits>;

export interface ConcordOptions {
  /** How to reach Temporal; address `localhost:7233` by default. */
  readonly connection?: ConnectionOptions;
  /** `default` by default. */
  readonly namespace?: string;
  /** The workers' keys, if they encrypt; see `parseKeys`. Not encrypted by default. */
  readonly encryptionKeys?: EncryptionKeys | undefined;
  /** What the error says to do if nothing answers. */
  readonly unreachableFix?: string;
  /** Traces orders from here on; see `startTracing`. */
  readonly tracing?: Pick<Tracing, 'client' | 'span'> | undefined;
}

/**
 * The client of a running Concord. Everything goes through Temporal, so it needs no access to any database.
 *
 * Every method throws a {@link ConcordError}: `InvalidInput` before anything is sent; `Unreachable` if Temporal does
 * not answer, `NoAnswer` if a service's worker does not; refusals as each method says.
 * @example
 * const concord = await Concord.connect();
 * await concord.restock('A', 10);
 * const { status } = await concord.place({ customerId: 'alice', lines: [{ sku: 'A', quantity: 2 }] });
 * await concord.close();
 */
export class Concord {
  readonly client: Client;
  private readonly connection: Connection;
  private readonly address: string;
  private readonly index: OrderIndex;
  private readonly tracing: ConcordOptions['tracing'];

  private constructor(client: Client, connection: Connection, address: string, options: ConcordOptions) {
    this.client = client;
    this.connection = connection;
    this.address = address;
    this.index = new OrderIndex(options.encryptionKeys);
    this.tracing = options.tracing;
  }

  /**
   * Connects as the environment says: TEMPORAL_… variables, the profile that they name, and ENCRYPTION_KEYS.
   * @throws ConcordError `InvalidInput`, naming each variable and the fix.
   * @example const concord = await Concord.connectFromEnvironment();
   */
  static connectFromEnvironment(variables: NodeJS.ProcessEnv = process.env): Promise<Concord> {
    const { connection, namespace = 'default' } = readTemporal(variables);
    return Concord.connect({ connection, namespace, encryptionKeys: readEncryption(variables) });
  }

  /**
   * Connects, or throws `Unreachable` within a few seconds, saying why as far as can be told. Close it when done.
   * @example const concord = await Concord.connect({ connection: { address: 'temporal:7233' } });
   */
  static async connect(options: ConcordOptions = {}): Promise<Concord> {
    const { connection: given = {}, namespace = 'default', encryptionKeys, tracing, ...context } = options;
    const address = given.address ?? 'localhost:7233';
    const connection = Connection.lazy(clientOptions({ connectTimeout: CONNECT_TIMEOUT, ...given }));
    try {
      await translated({ address, ...context }, () => connected(connection, { ...given, address }));
    } catch (error) {
      await connection.close().catch(() => {}); // it may have failed before there was anything to close
      throw error;
    }
    const dataConverter = dataConverterOf(encryptionKeys);
    const interceptors = { workflow: tracing?.client ?? [] };
    const client = new Client({ connection, namespace, dataConverter, interceptors });
    return new Concord(client, connection, address, options);
  }

  /** Closes the connection. @example await concord.close(); */
  async close(): Promise<void> {
    await this.connection.close();
  }

  /** Returns which search attributes the namespace lacks. @example (await concord.searchAttributes()).missing */
  async searchAttributes() {
    return findSearchAttributes(this.connection, this.client.options.namespace);
  }

  /** Registers missing search attributes, and waits until the server uses them. @example await concord.register(); */
  async register() {
    return registerSearchAttributes(this.connection, this.client.options.namespace);
  }

  /**
   * Places an order, once for each id: the same again joins the first. One that is rejected or cancelled is no error.
   * @throws ConcordError `OrderIdTaken` if the id belongs to an order with other content; `OrderFailed`; `Unsupported` if
   *   the server has no update-with-start, which `decided` takes.
   * @example
   * const order = { orderId: '4711', customerId: 'alice', lines: [{ sku: 'A', quantity: 2 }] };
   * const { status, reason } = await concord.place(order, { wait: 'decided' });
   */
  async place(newOrder: NewOrder, options: PlaceOptions = {}): Promise<Placed> {
    const { wait = 'final', prepareBudget, strategy = DEFAULT_STRATEGY } = options;
    const order = parseOrder({ ...newOrder, orderId: newOrder.orderId ?? newId() });
    const { orderId } = order;
    const input: PlaceOrderInput = defined({ order, strategy, prepareBudget });
    parsePlaceOrderInput(input);
    const unreachableFix = `order ${orderId} may have been accepted: place it again with this id, which joins it`;
    const place = () =>
      translated({ address: this.address, unreachableFix, orderId }, async () => {
        try {
          const placed = await this.index.start(order, strategy, (shown) => this.start(input, wait, shown));
          return { joined: false, ...refuseTakenId(placed) };
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
          return { ...refuseTakenId(await this.join(order, wait)), joined: true };
        }
      });
    return this.tracing === undefined ? place() : this.tracing.span('place', place);
  }

  /**
   * Returns where an order stands.
   * @throws ConcordError `UnknownOrder`
   * @example const { status, phase, retrying } = await concord.status('4711');
   */
  async status(orderId: string): Promise<OrderView> {
    const handle = this.handleOf(orderId);
    return translated({ address: this.address, orderId }, async () => {
      try {
        const view = await viewOf(this.client, handle, orderId);
        if (!isTaken(view)) return view;
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
      // One whose history is no longer kept is known to the order service alone, whoever has since tried to take its id.
      const record = await this.findRecord(orderId);
      if (record === null) throw new ConcordError('UnknownOrder', { orderId });
      return viewOfRecord(record);
    });
  }

  /**
   * Yields where an order stands, now and at each change, until it is final. `interval`: milliseconds between looks.
   * @throws ConcordError `UnknownOrder`
   * @example for await (const { phase, participants } of concord.watch('4711')) console.log(phase, participants);
   */
  async *watch(orderId: string, { interval = LOOK_INTERVAL } = {}): AsyncGenerator<OrderView, void, void> {
    let last = '';
    for (;;) {
      const view = await this.status(orderId);
      const seen = JSON.stringify(view);
      if (seen !== last) yield view;
      last = seen;
      if (view.phase === 'final' || view.phase === 'failed') return;
      await delay(interval);
    }
  }

  /**
   * Cancels an order that is not decided yet, and returns once that is decided. Repeating it answers the same.
   * @throws ConcordError `TooLate` if it is decided otherwise; `LeftUndecided` if only its record is left; `UnknownOrder`
   * @example const { status } = await concord.cancel('4711', { reason: 'ordered twice' });
   */
  async cancel(orderId: string, { reason = 'cancelled by the customer' } = {}): Promise<Cancelled> {
    const request = parseCancelRequest({ reason });
    return translated({ address: this.address, orderId }, async () => {
      const status = await this.askToCancel(orderId, request);
      if (status === 'cancelled' || status === 'requested') return { orderId, status };
      throw new ConcordError('TooLate', { orderId, status });
    });
  }

  /** Returns the order's status then, or `requested`, or `being resolved`. */
  private async askToCancel(orderId: string, request: CancelRequest): Promise<string> {
    const handle = this.handleOf(orderId);
    let isGone = false;
    try {
      const { type, closeTime } = await handle.describe();
      if (type !== 'placeOrder' && closeTime === undefined) {
        // A resolution has taken the place of the order's workflow, and must not be cancelled in its stead.
        const { status } = await this.status(orderId);
        return status === 'pending' ? 'being resolved' : status;
      }
      const decision = await requestCancel(handle, request, ANSWER_TIMEOUT);
      if (decision === undefined) {
        // The order service is down, or its code knows no such signal, which holds the reason. Any code knows this request.
        await handle.cancel();
        return 'requested';
      }
      if (!isTaken(decision)) return decision.status;
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      isGone = true;
    }
    // No workflow is left that would hear of it.
    const { status, phase, reason } = await this.status(orderId);
    if (phase === 'failed')
      throw new ConcordError('OrderFailed', { orderId, lastError: reason?.message ?? '' });
    if (status !== 'pending') return status;
    // The first look may have come too early, just before the order.
    const { workflowId } = handle;
    if (isGone && isRunning(await describeExecution(this.client, { workflowId })))
      return this.askToCancel(orderId, request);
    throw new ConcordError('LeftUndecided', { orderId });
  }

  /**
   * Returns the newest orders first: at most `limit` (20 by default) of a status, a customer, a strategy, `after` the
   * order of this id. If it returns fewer, there are no more.
   * @throws ConcordError `UnknownOrder` if there is no order of the id in `after`
   * @example const rejected = await concord.list({ status: 'rejected', customerId: 'alice', limit: 5 });
   */
  async list(filter: OrderFilter = {}): Promise<OrderRecord[]> {
    const { limit } = parseOrderFilter(filter);
    return firstOf(this.orders({ ...filter, limit }), limit);
  }

  /**
   * Yields all orders, the newest first, asking for `limit` (1000 by default) at once. Each order that was there at the
   * beginning comes once, whatever is placed meanwhile.
   * @throws ConcordError `UnknownOrder` if there is no order of the id in `after`
   * @example for await (const { orderId, reason } of concord.orders({ status: 'rejected' })) console.log(orderId, reason);
   */
  async *orders(filter: OrderFilter = {}): AsyncGenerator<OrderRecord, void, void> {
    parseOrderFilter(filter);
    const ask = (page: PageOptions) =>
      this.ask<typeof listOrders>('orders', 'listOrders', { ...filter, ...page });
    yield* allPages(filter, ask);
  }

  /**
   * Returns the newest events of orders placed `event-driven`, the oldest of them first, while Temporal keeps them.
   * @throws ConcordError `UnknownOrder`
   * @example const events = await concord.events({ orderId: '4711' });
   */
  async events(filter: EventFilter = {}): Promise<OrderEvent[]> {
    const parsed = parseEventFilter(filter);
    const found = await translated({ address: this.address }, () => findEvents(this.client, parsed));
    if (found.length === 0 && parsed.orderId !== undefined) await this.status(parsed.orderId);
    return found;
  }

  /**
   * Yields the newest events, then, without end, each that comes or gets on. `interval`: milliseconds between looks.
   * @throws ConcordError `UnknownOrder`
   * @example for await (const { type, deliveries } of concord.followEvents()) console.log(type, deliveries);
   */
  async *followEvents(
    filter: EventFilter = {},
    { interval = LOOK_INTERVAL } = {},
  ): AsyncGenerator<OrderEvent, void, void> {
    const look = eventFollower(this.client, parseEventFilter(filter));
    if (filter.orderId !== undefined) await this.status(filter.orderId);
    for (;;) {
      yield* await translated({ address: this.address }, look);
      await delay(interval);
    }
  }

  /**
   * Returns the levels of these SKUs; or, without any, at most `limit` of all (20 by default), sorted by SKU, `after` this
   * SKU. If it returns fewer, there are no more.
   * @throws ConcordError `UnknownSku`
   * @example const [{ available, reserved, sold }] = await concord.stock(['A']);
   */
  async stock(skus: readonly string[] = [], page: PageOptions = {}): Promise<StockLevel[]> {
    const { limit } = parseStockQuestion(skus, page);
    if (skus.length === 0) return firstOf(this.stockLevels({ ...page, limit }), limit);
    const { items } = await this.ask<typeof readStock>('inventory', 'readStock', skus);
    return [...items];
  }

  /**
   * Yields the levels of all SKUs, sorted by SKU, asking for `limit` (1000 by default) at once.
   * @example for await (const { sku, available } of concord.stockLevels()) console.log(sku, available);
   */
  async *stockLevels(options: PageOptions = {}): AsyncGenerator<StockLevel, void, void> {
    parseStockQuestion([], options);
    yield* allPages(options, (page) => this.ask<typeof readStock>('inventory', 'readStock', [], page));
  }

  /**
   * Adds a receipt of goods to the stock, once for each receipt id. Returns the level.
   * @throws ConcordError `StockLimit`; `NoAnswer` if the inventory is down: then it is accepted, and applied later.
   * @example const { available } = await concord.restock('A', 10, { receiptId: 'receipt-2025-01' });
   */
  async restock(sku: string, quantity: number, { receiptId = newId() } = {}): Promise<StockLevel> {
    const receipt = parseReceipt({ receiptId, sku, quantity });
    return translated({ address: this.address }, async () => {
      const fix = `receipt ${receiptId} is accepted, and will be added when its worker is back`;
      return answerOf(await this.startRestock(receipt), 'inventory', fix);
    });
  }

  /**
   * Returns the steps of orders that are stuck, the oldest first, as far as Temporal shows. Bounded, but not quick.
   * @example const steps = await concord.stuck({ longerThan: 300_000 });
   */
  async stuck(options: StuckOptions = {}): Promise<StuckStep[]> {
    const limits = parseStuckOptions(options);
    return translated({ address: this.address }, () => findAllStuckSteps(this.client, limits));
  }

  /**
   * Tries the steps of an order that wait for their next attempt now.
   * @throws ConcordError `UnknownOrder`; `NothingToRetry`; `RetryUnsupported` if the server is too old.
   * @example const { steps } = await concord.retry('4711');
   */
  async retry(orderId: string): Promise<Retried> {
    parse(identifier(), orderId, 'order id');
    return translated({ address: this.address, orderId }, () => retryNow(this.client, orderId));
  }

  /**
   * Settles what is left of an order whose workflow has failed, was terminated, or is gone while its record is pending.
   * @throws ConcordError `UnknownOrder`; `TooLate` if it is settled; `CannotResolve` if its workflow runs, or if that
   *   would contradict what is durable; `NoAnswer` if a service is down: then it is accepted, and done later.
   * @example const { status } = await concord.resolve('4711', { as: 'cancelled', reason: 'customer called' });
   */
  async resolve(orderId: string, request: OperatorRequest): Promise<OrderOutcome> {
    parse(identifier(), orderId, 'order id');
    parseResolveRequest(request);
    return translated({ address: this.address, orderId }, async () => {
      const findRecord = () => this.findRecord(orderId);
      const resolution = await startResolution(this.client, orderId, request, findRecord);
      const fix = 'the resolution is accepted and goes on; see `concord stuck`';
      return answerOf(resolution, 'orders or inventory', fix);
    });
  }

  private async start(input: PlaceOrderInput, wait: WaitFor, shown: Shown): Promise<Told> {
    const { orderId } = input.order;
    const options = {
      ...shown,
      taskQueue: 'orders',
      workflowId: workflowIdOf(orderId),
      workflowIdReusePolicy: 'REJECT_DUPLICATE' as const,
      workflowIdConflictPolicy: 'FAIL' as const,
      args: [input] as [PlaceOrderInput],
    };
    if (wait === 'decided') {
      const startWorkflowOperation = new WithStartWorkflowOperation<typeof placeOrder>('placeOrder', options);
      const update = { startWorkflowOperation, args: [input.order] as [Order] };
      return this.client.workflow.executeUpdateWithStart(decisionUpdate, update);
    }
    const handle = await this.client.workflow.start<typeof placeOrder>('placeOrder', options);
    return wait === 'accepted' ? { orderId, status: 'pending' } : handle.result();
  }

  private async join(order: Order, wait: WaitFor): Promise<Told> {
    const { orderId } = order;
    const handle = this.handleOf(orderId);
    // The history's first event is the truth about what this id stands for, whoever started it.
    const first = parsePlaceOrderInput(await firstInput(this.client, handle.workflowId));
    const { status } = await handle.describe();
    if (!sameContent(first.order, order)) {
      // That one was refused, because the id was taken before: perhaps by this very order.
      if (status.name === 'COMPLETED' && isTaken(await handle.result())) return this.joinRecord(order);
      throw new ConcordError('OrderIdTaken', { orderId });
    }
    const isRunning = status.name === 'RUNNING';
    if (isRunning && wait === 'accepted') return { orderId, status: 'pending' };
    try {
      if (isRunning && wait === 'decided')
        return await handle.executeUpdate(decisionUpdate, { args: [order], updateId: JOINT_UPDATE });
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error; // it ended meanwhile
    }
    return handle.result().catch(async (error: unknown) => {
      const resolved = error instanceof WorkflowFailedError && (await resolvedOutcome(this.client, orderId));
      if (!resolved) throw error;
      return resolved;
    });
  }

  private async joinRecord(order: Order): Promise<Told> {
    const { orderId } = order;
    const record = await this.findRecord(orderId);
    if (record === null || !sameContent(record, order)) throw new ConcordError('OrderIdTaken', { orderId });
    if (record.status === 'pending') throw new ConcordError('LeftUndecided', { orderId });
    return defined({ orderId, status: record.status, reason: record.reason });
  }

  private handleOf(orderId: string): OrderHandle {
    const workflowId = workflowIdOf(parse(identifier(), orderId, 'order id'));
    return this.client.workflow.getHandle<typeof placeOrder>(workflowId);
  }

  private findRecord(orderId: string): Promise<OrderRecord | null> {
    return this.ask<typeof findOrder>('orders', 'findOrder', orderId);
  }

  private async startRestock(receipt: Receipt): Promise<WorkflowHandle<typeof restock>> {
    const workflowId = `restock/${receipt.receiptId}`;
    try {
      return await this.client.workflow.start<typeof restock>('restock', {
        taskQueue: 'inventory',
        workflowId,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        staticSummary: restockSummary(receipt),
        args: [receipt],
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const { sku, quantity } = parseReceipt(await firstInput(this.client, workflowId));
      if (sku === receipt.sku && quantity === receipt.quantity)
        return this.client.workflow.getHandle<typeof restock>(workflowId);
      throw invalidInput('receipt id', 'this id is taken by another receipt; use a new one');
    }
  }

  /** Asks a service through a short workflow on its own task queue, so that only the service reads its database. */
  private ask<Asked extends Workflow>(service: ServiceName, question: string, ...args: Parameters<Asked>) {
    const workflowId = `${question}/${newId()}`;
    const limits = { workflowExecutionTimeout: READ_BUDGET + 2_000, priority: policies.read.priority };
    const options = { taskQueue: service, workflowId, ...limits, args };
    const execute = async (): Promise<WorkflowResultType<Asked>> =>
      this.client.workflow.execute<Workflow>(question, options);
    return translated({ address: this.address, service }, execute);
  }
}

const newId = (): string => randomUUID();

/** The order service remembers ids longer than Temporal keeps histories; the answer is the same either way. */
function refuseTakenId(answer: Told): Told {
  if (!isTaken(answer)) return answer;
  throw new ConcordError('OrderIdTaken', { orderId: answer.orderId });
}

/** Returns what a workflow returns. @throws ConcordError `NoAnswer` with this fix if it takes longer; it goes on. */
function answerOf<Run extends Workflow>(handle: WorkflowHandle<Run>, service: string, fix: string) {
  const noAnswer = () => new ConcordError('NoAnswer', { service, fix });
  return within(ANSWER_TIMEOUT, () => handle.result(), noAnswer);
}

/** Fails as soon as it is clear that it will: gRPC tries for as long as it may, and does not say why. */
async function connected(connection: Connection, options: ConnectionOptions & { address: string }) {
  const connecting = connection.ensureConnected();
  const isLate = await Promise.race([connecting, delay(DIAGNOSIS_DELAY, true, { ref: false })]);
  const fix = isLate && (await Promise.race([temporalFailure(options), connecting]));
  if (fix) throw unreachableAt(options.address, fix);
  await connecting;
}

const CONNECT_TIMEOUT = '5 seconds';
/** A connection that isn't there after this time is looked into. Milliseconds. */
const DIAGNOSIS_DELAY = 1_000;
/** How long to wait for a service's worker before saying that it does not answer. Milliseconds. */
const ANSWER_TIMEOUT = 10_000;
/** The one update that all who know an order to be theirs wait for: a workflow takes ten at once, and 2,000 in all. */
const JOINT_UPDATE = 'decision';
/** How often `watch` and `followEvents` look. Milliseconds. */
const LOOK_INTERVAL = 500;
