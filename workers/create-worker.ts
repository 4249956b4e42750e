import { Client } from '@temporalio/client';
import {
  type ActivityInterceptorsFactory,
  type NativeConnection,
  Worker,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import type { Db } from 'mongodb';
import { createCoordinators } from '../activities/coordinator.ts';
import { activityInterceptors } from './interceptors.ts';
import { type ServiceName, services } from './services.ts';

export interface ServiceWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** The service's own database. */
  readonly database: Db;
  /** Workflow code that is bundled already; by default it is bundled now, which takes a few seconds. */
  readonly workflowBundle?: WorkflowBundleOption;
  /** Further interceptors around each activity, inside Concord's own. */
  readonly interceptors?: readonly ActivityInterceptorsFactory[];
}

/** The worker of one service: its workflows and its activities, on its own task queue. */
export function createServiceWorker(name: ServiceName, options: ServiceWorkerOptions): Promise<Worker> {
  const { connection, namespace, database, workflowBundle, interceptors = [] } = options;
  const service = services[name];
  const coordinators = createCoordinators(new Client({ connection, namespace }));
  return Worker.create({
    connection,
    namespace,
    taskQueue: name,
    activities: { ...service.createActivities(database), ...service.createRecovery(database, coordinators) },
    ...(workflowBundle === undefined ? { workflowsPath: service.workflowsPath } : { workflowBundle }),
    interceptors: { activity: [activityInterceptors, ...interceptors] },
    // As many as the MongoDB pool has connections, so that no activity spends its time waiting for one.
    maxConcurrentActivityTaskExecutions: MAXIMUM_ACTIVITIES,
    // What runs at shutdown may finish; an attempt takes ten seconds at most.
    shutdownGraceTime: '10 seconds',
  });
}

const MAXIMUM_ACTIVITIES = 50;
