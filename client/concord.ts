import { randomUUID } from 'node:crypto';
import {
  Client,
  Connection,
  type ConnectionOptions,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ConcordError } from '../domain/errors.ts';
import {
  identifier,
  type Line,
  type Order,
  type OrderOutcome,
  parseOrder,
  sameContent,
} from '../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../domain/order-record.ts';
import { restockSummary } from '../domain/order-text.ts';
import {
  type CancelRequest,
  type PlaceOrderInput,
  parseCancelRequest,
  parsePlaceOrderInput,
  workflowIdOf,
} from '../domain/place-order.ts';
import { READ_BUDGET } from '../domain/policies.ts';
import { parseResolveRequest, type ResolveRequest } from '../domain/resolution.ts';
import type { ServiceName } from '../domain/services.ts';
import { parseReceipt, parseSkus, type Receipt, type StockLevel } from '../domain/stock.ts';
import { DEFAULT_STRATEGY, type Strategy } from '../domain/strategies.ts';
import { parseStuckOptions, type StuckLimits, type StuckStep } from '../domain/stuck-step.ts';
import { parse } from '../domain/validation.ts';
import { temporalFailure } from '../platform/connection/connection-failure.ts';
import { OrderIndex, type Shown } from '../platform/display/order-display.ts';
import {
  findSearchAttributes,
  registerSearchAttributes,
  type SearchAttributeState,
} from '../platform/display/register-search-attributes.ts';
import { dataConverterOf } from '../platform/encryption/data-converter.ts';
import type { EncryptionKeys } from '../platform/encryption/keys.ts';
import { readEncryption } from '../platform/settings/read-encryption.ts';
import { readTemporal } from '../platform/settings/read-temporal.ts';
import type { Tracing } from '../platform/tracing/tracing.ts';
import { findAllStuckSteps } from '../platform/visibility/stuck-steps.ts';
import type { readStock, restock } from '../workflows/inventory.ts';
import { decisionUpdate } from '../workflows/order/messages.ts';
import type { findOrder, listOrders, placeOrder } from '../workflows/orders.ts';
import { requestCancel } from './cancelling.ts';
import { type EventFilter, parseEventFilter } from './event-filter.ts';
import { EventFollower, findEvents, type OrderEvent } from './events.ts';
import { firstInput } from './history.ts';
import { type Retried, remainsOf, resolvedOutcome, retryNow, startResolution } from './recovery.ts';
import { translated } from './temporal-failures.ts';
import { type OrderView, viewOf, viewOfRecord } from './view.ts';

/** An order to place. Without an order id it gets a new one, and then repeating it places another order. */
export interface NewOrder {
  readonly orderId?: string;
  readonly customerId: string;
  /** 1 to 100 lines; lines of the same SKU are added up. */
  readonly lines: readonly Line[];
}

/** `accepted`: the order is durable. `decided`: its outcome is. `final`: every service has recorded it. */
export type WaitFor = 'accepted' | 'decided' | 'final';

export interface PlaceOptions {
  /** When to return; `final` by default. */
  readonly wait?: WaitFor;
  /** How long participants may take to prepare, in milliseconds; 10 minutes by default. */
  readonly prepareBudget?: number;
  /** How the services are kept consistent; `two-phase` by default. An order that is joined keeps its own. */
  readonly strategy?: Strategy;
}

/** What is durable about an order when `place` returns: `pending` where it is accepted and not yet decided. */
export interface Placed {
  readonly orderId: string;
  readonly status: OrderOutcome['status'] | 'pending';
  readonly reason?: OrderOutcome['reason'];
  /** True where the order had been placed before, and this call joined it. */
  readonly joined: boolean;
}

export interface Cancelled {
  readonly orderId: string;
  /** `requested` where the order service is down: the request is durable, and decided when the service is back. */
  readonly status: 'cancelled' | 'requested';
}

/** From when on an order's step counts as stuck: 5 failures and 60,000 milliseconds by default. */
export type StuckOptions = Partial<StuckLimits>;

export interface ConcordOptions {
  /** How to reach Temporal; address `localhost:7233` by default. */
  readonly connection?: ConnectionOptions;
  /** `default` by default. */
  readonly namespace?: string;
  /** Those of the workers, where they encrypt; see `parseKeys`. Not encrypted by default. */
  readonly encryptionKeys?: EncryptionKeys | undefined;
  /** What to do where nothing answers, for the error that says so. */
  readonly unreachableFix?: string;
  /** Has orders traced, from here on; see `startTracing`. */
  readonly tracing?: Pick<Tracing, 'client' | 'span'> | undefined;
}

/**
 * The client of a running Concord: everything goes through Temporal, so it needs no access to any database.
 *
 * Every method throws a {@link ConcordError}: `InvalidInput` before anything is sent; `Unreachable` where Temporal
 * does not answer, `NoAnswer` where a service's worker does not; refusals as each method says.
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
    this.index = new OrderIndex(options.encryptionKeys !== undefined);
    this.tracing = options.tracing;
  }

  /**
   * Connects as the environment says: TEMPORAL_… variables, the profile that they name, and ENCRYPTION_KEYS.
   *
   * @throws ConcordError `InvalidInput`, naming each variable and the fix.
   */
  static connectFromEnvironment(variables: NodeJS.ProcessEnv = process.env): Promise<Concord> {
    const { connection, namespace = 'default' } = readTemporal(variables);
    return Concord.connect({ connection, namespace, encryptionKeys: readEncryption(variables) });
  }

  /** Connects, or throws `Unreachable` within a few seconds, saying why as far as can be told. Close it when done. */
  static async connect(options: ConcordOptions = {}): Promise<Concord> {
    const { connection: given = {}, namespace = 'default', encryptionKeys, tracing, ...context } = options;
    const address = given.address ?? 'localhost:7233';
    const connection = Connection.lazy({ connectTimeout: CONNECT_TIMEOUT, ...given });
    try {
      await translated(address, () => connected(connection, given), context);
    } catch (error) {
      await connection.close().catch(() => {}); // it may have failed before there was anything to close
      throw error;
    }
    const dataConverter = dataConverterOf(encryptionKeys);
    const interceptors = { workflow: tracing?.client ?? [] };
    const client = new Client({ connection, namespace, dataConverter, interceptors });
    return new Concord(client, connection, address, options);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  /** What the namespace lacks so that lists can ask for orders; see {@link register}. */
  async searchAttributes(): Promise<SearchAttributeState> {
    return findSearchAttributes(this.connection, this.client.options.namespace);
  }

  /** Registers the search attributes that the namespace lacks, and returns them once the server takes them. */
  async register(): Promise<readonly string[]> {
    return registerSearchAttributes(this.connection, this.client.options.namespace);
  }

  /**
   * Places an order, once for each order id: the same order again joins the first. An order that is rejected or
   * cancelled is an answer, not an error.
   *
   * @throws ConcordError `OrderIdTaken` where the id belongs to an order with other content; `OrderFailed`.
   */
  async place(newOrder: NewOrder, options: PlaceOptions = {}): Promise<Placed> {
    const { wait = 'final', prepareBudget, strategy = DEFAULT_STRATEGY } = options;
    const order = parseOrder({ ...newOrder, orderId: newOrder.orderId ?? randomUUID() });
    const input: PlaceOrderInput = {
      order,
      strategy,
      ...(prepareBudget === undefined ? {} : { prepareBudget }),
    };
    parsePlaceOrderInput(input);
    const ambiguous = `order ${order.orderId} may have been accepted: place it again with this id, which joins it`;
    const place = () =>
      translated(
        this.address,
        async () => {
          try {
            const start = (shown: Shown) => this.start(input, wait, shown);
            const placed = await this.index.start(order, strategy, start);
            return { ...refuseTakenId(placed), joined: false };
          } catch (error) {
            if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
            return { ...refuseTakenId(await this.join(order, wait)), joined: true };
          }
        },
        { unreachableFix: ambiguous, orderId: order.orderId },
      );
    return this.tracing === undefined ? place() : this.tracing.span('place', place);
  }

  /**
   * Where an order stands.
   *
   * @throws ConcordError `UnknownOrder`
   */
  async status(orderId: string): Promise<OrderView> {
    const handle = this.handleOf(orderId);
    return translated(
      this.address,
      async () => {
        try {
          return await this.resolved(await viewOf(this.client, handle, orderId));
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
          return viewOfRecord(await this.recordOf(orderId));
        }
      },
      { orderId },
    );
  }

  /** Yields where an order stands, now and at each change, until it is final. @throws ConcordError `UnknownOrder` */
  async *watch(orderId: string, { interval = WATCH_INTERVAL } = {}): AsyncGenerator<OrderView, void, void> {
    let last = '';
    for (;;) {
      const view = await this.status(orderId);
      const seen = JSON.stringify(view);
      if (seen !== last) yield view;
      last = seen;
      if (view.phase === 'final' || view.phase === 'failed') return;
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }

  /**
   * Cancels an order that is not decided yet, and returns once that is decided, however many others wait for the same
   * order. Repeating it answers the same.
   *
   * @throws ConcordError `TooLate` where it is decided otherwise, `UnknownOrder`
   */
  async cancel(orderId: string, { reason = 'cancelled by the customer' } = {}): Promise<Cancelled> {
    const request = parseCancelRequest({ reason });
    return translated(
      this.address,
      async () => {
        const status = await this.askToCancel(orderId, request);
        if (status === 'cancelled' || status === 'requested') return { orderId, status };
        throw new ConcordError('TooLate', { orderId, status });
      },
      { orderId },
    );
  }

  /** Returns what the order is then. */
  private async askToCancel(orderId: string, request: CancelRequest) {
    const handle = this.handleOf(orderId);
    try {
      const { type, closeTime } = await handle.describe();
      if (type !== 'placeOrder' && closeTime === undefined) return await this.resolvedAs(orderId);
      const decision = await requestCancel(this.client, handle, { request, patience: ANSWER_TIMEOUT });
      if (decision !== undefined) return decision.status;
      // The order service's worker or database is down, or its code fails, and may know no such signal. Any code knows
      // Temporal's own cancel request; the reason is that of the signal, which comes first.
      await handle.cancel();
      return 'requested';
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      const { status, phase, reason } = await this.status(orderId);
      if (phase === 'failed')
        throw new ConcordError('OrderFailed', { orderId, lastError: reason?.message ?? '' });
      return status;
    }
  }

  /** A resolution may have taken the place of the order's workflow, and must not be cancelled in its stead. */
  private async resolvedAs(orderId: string) {
    const { status } = await this.status(orderId);
    return status === 'pending' ? 'being resolved' : status;
  }

  /** The newest orders first: at most `limit` (20 by default) of a status, of a customer. */
  async list(filter: OrderFilter = {}): Promise<OrderRecord[]> {
    parseOrderFilter(filter);
    return this.ask<typeof listOrders>('orders', 'listOrders', filter);
  }

  /**
   * The newest events of orders that are placed `event-driven`, the oldest of them first. An order of another strategy
   * has none, and neither has one whose histories Temporal no longer keeps.
   *
   * @throws ConcordError `UnknownOrder`
   */
  async events(filter: EventFilter = {}): Promise<OrderEvent[]> {
    const parsed = parseEventFilter(filter);
    const found = await translated(this.address, () => findEvents(this.client, parsed));
    if (found.length === 0 && parsed.orderId !== undefined) await this.status(parsed.orderId);
    return found;
  }

  /**
   * Yields the newest events, then each as it comes, and again when its deliveries have got on; for ever.
   *
   * @throws ConcordError `UnknownOrder`
   */
  async *followEvents(
    filter: EventFilter = {},
    { interval = EVENTS_INTERVAL } = {},
  ): AsyncGenerator<OrderEvent, void, void> {
    const follower = new EventFollower(this.client, parseEventFilter(filter));
    if (filter.orderId !== undefined) await this.status(filter.orderId);
    for (;;) {
      yield* await translated(this.address, () => follower.look());
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }

  /** The levels of these SKUs, or of all. @throws ConcordError `UnknownSku` */
  async stock(skus: readonly string[] = []): Promise<StockLevel[]> {
    parseSkus(skus);
    return this.ask<typeof readStock>('inventory', 'readStock', skus);
  }

  /**
   * Adds a receipt of goods to the stock, once for each receipt id.
   *
   * @throws ConcordError `StockLimit`; `NoAnswer` where the inventory is down: then it is accepted, and applied later.
   */
  async restock(
    sku: string,
    quantity: number,
    { receiptId = randomUUID() }: { readonly receiptId?: string } = {},
  ): Promise<StockLevel> {
    const receipt = parseReceipt({ receiptId, sku, quantity });
    return translated(this.address, async () => {
      const level = await within(ANSWER_TIMEOUT, (await this.startRestock(receipt)).result());
      if (level !== NOTHING) return level;
      const fix = `receipt ${receiptId} is accepted, and will be added when its worker is back`;
      throw new ConcordError('NoAnswer', { service: 'inventory', fix });
    });
  }

  /** Steps of orders that are stuck, the oldest first, as far as Temporal shows. Bounded, but not quick. */
  async stuck(options: StuckOptions = {}): Promise<StuckStep[]> {
    const limits = parseStuckOptions(options);
    return translated(this.address, () => findAllStuckSteps(this.client, limits));
  }

  /**
   * Has the steps of an order that wait for their next attempt tried now.
   *
   * @throws ConcordError `UnknownOrder`; `NothingToRetry`; `RetryUnsupported` where the server is too old.
   */
  async retry(orderId: string): Promise<Retried> {
    parse(identifier(), orderId, 'order id');
    return translated(this.address, () => retryNow(this.client, orderId), { orderId });
  }

  /**
   * Settles what is left of an order whose workflow has failed, was terminated, or is gone while its record is pending.
   *
   * @throws ConcordError `UnknownOrder`; `TooLate` where it is settled; `CannotResolve` where its workflow runs, or where
   *   that would contradict what is durable; `NoAnswer` where a service is down: then it is accepted, and done later.
   */
  async resolve(
    orderId: string,
    request: ResolveRequest & { readonly as: OrderOutcome['status'] },
  ): Promise<OrderOutcome> {
    parse(identifier(), orderId, 'order id');
    parseResolveRequest(request);
    const findRecord = () => this.ask<typeof findOrder>('orders', 'findOrder', orderId);
    return translated(
      this.address,
      async () => {
        const remains = await remainsOf(this.client, orderId, request.as, findRecord);
        const resolution = await startResolution(this.client, remains, request);
        const outcome = await within(ANSWER_TIMEOUT, resolution.result());
        if (outcome !== NOTHING) return outcome;
        const fix = 'the resolution is accepted and goes on; see `concord stuck`';
        throw new ConcordError('NoAnswer', { service: 'orders or inventory', fix });
      },
      { orderId },
    );
  }

  private async start(input: PlaceOrderInput, wait: WaitFor, shown: Shown): Promise<Omit<Placed, 'joined'>> {
    const { order } = input;
    const { orderId } = order;
    const options = {
      ...shown,
      taskQueue: 'orders',
      workflowId: workflowIdOf(orderId),
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      args: [input] as [PlaceOrderInput],
    };
    if (wait === 'decided') {
      const startWorkflowOperation = new WithStartWorkflowOperation<typeof placeOrder>('placeOrder', {
        ...options,
        workflowIdConflictPolicy: 'FAIL',
      });
      return this.client.workflow.executeUpdateWithStart(decisionUpdate, {
        startWorkflowOperation,
        args: [order],
      });
    }
    const handle = await this.client.workflow.start<typeof placeOrder>('placeOrder', options);
    return wait === 'accepted' ? { orderId, status: 'pending' } : handle.result();
  }

  private async join(order: Order, wait: WaitFor): Promise<Omit<Placed, 'joined'>> {
    const { orderId } = order;
    const handle = this.handleOf(orderId);
    // The history's first event is the truth about what this id stands for, whoever started it.
    const first = parsePlaceOrderInput(await firstInput(this.client, handle.workflowId));
    if (!sameContent(first.order, order)) throw new ConcordError('OrderIdTaken', { orderId });
    const { status } = await handle.describe();
    if (status.name === 'RUNNING' && wait === 'accepted') return { orderId, status: 'pending' };
    if (status.name === 'RUNNING' && wait === 'decided') {
      try {
        return await handle.executeUpdate(decisionUpdate, { args: [order], updateId: JOINT_UPDATE });
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error; // it ended meanwhile
      }
    }
    try {
      return await handle.result();
    } catch (error) {
      const resolved =
        error instanceof WorkflowFailedError ? await resolvedOutcome(this.client, orderId) : undefined;
      if (resolved === undefined) throw error;
      return resolved;
    }
  }

  /** An order whose own workflow has stopped may have been settled by another one. */
  private async resolved(view: OrderView): Promise<OrderView> {
    if (view.phase !== 'failed') return view;
    const outcome = await resolvedOutcome(this.client, view.orderId);
    if (outcome === undefined) return view;
    const { reason: _, ...rest } = view;
    return { ...rest, ...outcome, phase: 'final' };
  }

  private handleOf(orderId: string): WorkflowHandle<typeof placeOrder> {
    return this.client.workflow.getHandle<typeof placeOrder>(
      workflowIdOf(parse(identifier(), orderId, 'order id')),
    );
  }

  /** An order whose history is no longer kept is known to the order service alone. */
  private async recordOf(orderId: string): Promise<OrderRecord> {
    const record = await this.ask<typeof findOrder>('orders', 'findOrder', orderId);
    if (record === null) throw new ConcordError('UnknownOrder', { orderId });
    return record;
  }

  private async startRestock(receipt: Receipt): Promise<WorkflowHandle<typeof restock>> {
    const workflowId = `restock/${receipt.receiptId}`;
    try {
      return await this.client.workflow.start<typeof restock>('restock', {
        taskQueue: 'inventory',
        workflowId,
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        staticSummary: restockSummary(receipt),
        args: [receipt],
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const first = parseReceipt(await firstInput(this.client, workflowId));
      if (first.sku === receipt.sku && first.quantity === receipt.quantity) {
        return this.client.workflow.getHandle<typeof restock>(workflowId);
      }
      throw new ConcordError('InvalidInput', {
        problems: [{ field: 'receipt id', fix: 'this id is taken by another receipt; use a new one' }],
      });
    }
  }

  /** Asks a service through a short workflow on its own task queue, so that only the service reads its database. */
  private ask<Question extends (argument: never) => Promise<unknown>>(
    service: ServiceName,
    question: string,
    argument: Parameters<Question>[0],
  ): Promise<Awaited<ReturnType<Question>>> {
    return translated(
      this.address,
      () =>
        this.client.workflow.execute(question, {
          taskQueue: service,
          workflowId: `${question}/${randomUUID()}`,
          workflowExecutionTimeout: READ_BUDGET + 2_000,
          args: [argument],
        }) as Promise<Awaited<ReturnType<Question>>>,
      { service },
    );
  }
}

/** The order service remembers ids longer than Temporal keeps histories; the answer is the same either way. */
function refuseTakenId<Answer extends Omit<Placed, 'joined'>>(answer: Answer): Answer {
  if (answer.reason?.code !== 'OrderIdTaken') return answer;
  throw new ConcordError('OrderIdTaken', { orderId: answer.orderId });
}

/** Fails as soon as it is clear that it will: gRPC tries for as long as it may, and does not say why. */
async function connected(connection: Connection, options: ConnectionOptions): Promise<void> {
  const connecting = connection.ensureConnected();
  connecting.catch(() => {}); // where there is a diagnosis, nobody listens any more
  if ((await within(DIAGNOSIS_DELAY, connecting)) !== NOTHING) return;
  const address = options.address ?? 'localhost:7233';
  const failure = temporalFailure({ ...options, address });
  const fix = await Promise.race([failure, connecting.then(() => undefined)]);
  if (fix !== undefined) throw new ConcordError('Unreachable', { server: 'Temporal', address, fix });
  await connecting;
}

const CONNECT_TIMEOUT = '5 seconds';
/** After which a connection that isn't there yet is looked into. Milliseconds. */
const DIAGNOSIS_DELAY = 1_000;
/** How long to wait for a service's worker before saying that it does not answer. Milliseconds. */
const ANSWER_TIMEOUT = 10_000;
/**
 * The one update that all who join an order wait for: a workflow takes ten at once, and 2,000 in all, but the server lets
 * any number wait for the same. Only who knows that the order is theirs may join in, for it is checked once.
 */
const JOINT_UPDATE = 'decision';
/** How often `watch` looks. Milliseconds. */
const WATCH_INTERVAL = 500;
/** How often `followEvents` looks. Milliseconds. */
const EVENTS_INTERVAL = 500;

const NOTHING = Symbol('no answer yet');

async function within<Result>(milliseconds: number, work: Promise<Result>): Promise<Result | typeof NOTHING> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof NOTHING>((resolve) => {
    timer = setTimeout(resolve, milliseconds, NOTHING);
  });
  try {
    work.catch(() => {}); // when it fails after the timeout, nobody listens any more
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
