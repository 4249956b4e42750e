import type { ServiceDependencies } from '../activities/dependencies.ts';
import { createInventoryActivities, inventoryIndexes } from '../activities/inventory/activities.ts';
import type { Indexes } from '../activities/mongodb/indexes.ts';
import { createOrderActivities, orderIndexes } from '../activities/orders/activities.ts';
import type { ServiceName } from '../domain/services.ts';
import { moduleFile } from '../platform/compiled.ts';
import { reaperSchedule, type Schedule, watchSchedule } from './schedules.ts';
import type { WorkerSettings } from './settings.ts';

export type { ServiceName };

/** An activity as a worker registers it: by name, over plain JSON. */
export type Activities = Record<string, (...input: never[]) => Promise<unknown>>;

/** A service, as a worker hosts it. @example examples/payment/service.ts */
export interface Service {
  /** Its task queue; its settings begin with it, as `ORDERS_DATABASE` does. */
  readonly name: string;
  /** The module whose exports are the workflows that its worker runs; absent if it only hosts activities. */
  readonly workflowsPath?: string;
  createActivities(dependencies: ServiceDependencies): Activities;
  /** What its queries need that are not by `_id`. A worker creates them while it works. */
  readonly indexes?: Indexes;
  /** The workflow that Temporal starts again and again on its worker. */
  schedule?(settings: Pick<WorkerSettings, 'reaper'>): Schedule;
}

/** Concord's own services. */
export const services: Readonly<Record<ServiceName, Service & { readonly workflowsPath: string }>> = {
  orders: {
    name: 'orders',
    workflowsPath: moduleFile('../workflows/orders', import.meta.url),
    createActivities: createOrderActivities,
    indexes: orderIndexes,
    schedule: () => watchSchedule,
  },
  inventory: {
    name: 'inventory',
    workflowsPath: moduleFile('../workflows/inventory', import.meta.url),
    createActivities: createInventoryActivities,
    indexes: inventoryIndexes,
    schedule: ({ reaper }) => reaperSchedule(reaper),
  },
};

/** Modules that all workflows of a thread share: otherwise each would evaluate them anew, and take twice the time. */
export const preloadedModules = [moduleFile('../domain/preloaded', import.meta.url)];

/** Bundled with every service's workflows. */
export const workflowInterceptorModules = [
  moduleFile('../platform/tracing/workflow-interceptors', import.meta.url),
];
