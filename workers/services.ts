import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Coordinators } from '../activities/coordinator.ts';
import { createOutboxes } from '../activities/exchange/outbox.ts';
import type { Post } from '../activities/exchange/post.ts';
import { createRelay } from '../activities/exchange/publishing.ts';
import { createInventoryInspection, createOrderInspection } from '../activities/inspection.ts';
import type { ReservationDocument, StockDocument } from '../activities/inventory/documents.ts';
import { createReaper, type HoldObserver } from '../activities/inventory/reaper.ts';
import { createInventoryDesk, type InventoryDesk } from '../activities/inventory/stock.ts';
import { createOrders } from '../activities/orders/participant.ts';
import { parseStuckOptions } from '../domain/stuck-step.ts';
import { moduleFile } from '../platform/compiled.ts';
import { tellStuckOrders } from '../platform/visibility/tell-stuck-orders.ts';
import { reportSkipped } from './report-skipped.ts';
import {
  type EventHandler,
  handlersOf,
  inventoryOf,
  inventoryServiceOf,
  orderServiceOf,
  type Subscription,
  subscriptions,
} from './subscriptions.ts';

/** An activity as a worker registers it: by name, over plain JSON. */
export type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

interface Service {
  /** The module whose exports are the workflows that this service's worker runs. */
  readonly workflowsPath: string;
  /**
   * The activities over this service's own database, under their full names (`inventory.prepare`).
   *
   * @param post How it reaches the other services.
   */
  createActivities(database: Db, post: Post, table?: readonly Subscription[]): Activities;
  /** Those that settle what was left behind; they ask Temporal what became of an order. */
  createRecovery(database: Db, coordinators: Coordinators, observe?: HoldObserver): Activities;
  /** Those that look after orders by asking Temporal alone. */
  createOversight(client: Client): Activities;
  /** Creates what queries need; safe to repeat. */
  prepareDatabase(database: Db): Promise<void>;
}

/** Each service: its task queue and its database are called like it. */
export const services = {
  orders: {
    workflowsPath: moduleFile('../workflows/orders', import.meta.url),
    createActivities: (database, post, table = subscriptions) => ({
      ...withPrefix('orders', createOrders(database.collection('orders'))),
      ...withPrefix('orders', operationsOf(orderServiceOf(database, post))),
      ...withPrefix('orders', createRelay(createOutboxes('orders', database.collection('orders'), post))),
      ...handlersOf('orders', table, database, post),
    }),
    createRecovery: (database, coordinators) => ({
      ...withPrefix('orders', createOrderInspection(database.collection('orders'))),
      'orders.findCoordinator': coordinators.findCoordinator,
    }),
    createOversight: (client) => ({
      'orders.tellTroubled': (limits: unknown) =>
        tellStuckOrders(client, parseStuckOptions(limits), reportSkipped),
    }),
    async prepareDatabase(database) {
      const orders = database.collection('orders');
      await orders.createIndex({ createdAt: -1 });
      await orders.createIndex({ customerId: 1, createdAt: -1 });
      await orders.createIndex({ status: 1, createdAt: -1 });
    },
  },
  inventory: {
    workflowsPath: moduleFile('../workflows/inventory', import.meta.url),
    createActivities(database, post, table = subscriptions) {
      const outboxes = createOutboxes('inventory', database.collection('reservations'), post);
      const { settleDecided, ...participant } = inventoryOf(database);
      return {
        ...withPrefix('inventory', participant),
        ...withPrefix('inventory', deskOf(database)),
        ...withPrefix('inventory', operationsOf(inventoryServiceOf(database, post))),
        ...withPrefix('inventory', createRelay(outboxes)),
        ...handlersOf('inventory', table, database, post),
      };
    },
    createRecovery(database, coordinators, observe?: HoldObserver) {
      const collections = {
        stock: database.collection<StockDocument>('stock'),
        reservations: database.collection<ReservationDocument>('reservations'),
      };
      return {
        ...withPrefix('inventory', createInventoryInspection(collections.reservations)),
        ...withPrefix(
          'inventory',
          createReaper({
            ...collections,
            coordinators,
            settleDecided: inventoryOf(database).settleDecided,
            observe,
            report: reportSkipped,
          }),
        ),
      };
    },
    createOversight: () => ({}),
    // Every access is by `_id`, but for the reaper's: it looks at all stock, and nobody waits for it.
    async prepareDatabase() {},
  },
} as const satisfies Record<string, Service>;

export type ServiceName = keyof typeof services;

function deskOf(database: Db): InventoryDesk {
  return createInventoryDesk({
    stock: database.collection('stock'),
    receipts: database.collection('receipts'),
  });
}

/** What all workflows of a thread share; without it, each workflow would evaluate it anew, and take twice the time. */
export const preloadedModules = [moduleFile('../domain/preloaded', import.meta.url)];

/** Bundled with every service's workflows. */
export const workflowInterceptorModules = [
  moduleFile('../platform/tracing/workflow-interceptors', import.meta.url),
];

/** Events have activities of their own, which `handlersOf` names. */
function operationsOf<Service extends { handleEvent: EventHandler }>({
  handleEvent,
  ...operations
}: Service): Omit<Service, 'handleEvent'> {
  return operations;
}

function withPrefix(prefix: string, methods: object): Activities {
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [`${prefix}.${name}`, method]));
}
