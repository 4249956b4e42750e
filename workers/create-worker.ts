import { Client } from '@temporalio/client';
import type { DataConverter, MetricMeter, WorkerDeploymentVersion } from '@temporalio/common';
import type { ActivityInterceptorsFactory, NativeConnection, WorkflowBundleOption } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import type { Db } from 'mongodb';
import { createCoordinators } from '../activities/coordinator.ts';
import { createPost } from '../activities/exchange/post.ts';
import { defined } from '../domain/defined.ts';
import { dataConverterOf } from '../platform/encryption/data-converter.ts';
import { droppedSpans, type Tracing } from '../platform/tracing/tracing.ts';
import { builtBundle } from './bundle.ts';
import { STOP_LIMITS } from './ending.ts';
import { activityInterceptors } from './interceptors.ts';
import { DEFAULT_LIMITS, slotsOf, type WorkerLimits } from './limits.ts';
import { holdMetrics, reportLateHold, reportSkipped } from './metrics.ts';
import type { Activities, Service, ServiceName } from './services.ts';
import { preloadedModules, services, workflowInterceptorModules } from './services.ts';
import type { Subscription } from './subscriptions.ts';
import { checkSubscriptions, hostedHandlers, receiversOf, subscriptions } from './subscriptions.ts';

export interface ServiceWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** How payloads are read and written; by default they are not encrypted. */
  readonly dataConverter?: DataConverter;
  /** The service's own database. */
  readonly database: Db;
  /** Workflow code that is bundled already; by default the build's, or it is bundled now, which takes a few seconds. */
  readonly workflowBundle?: WorkflowBundleOption;
  /** How much it does at once. Its database's pool must be sized by the same limits. */
  readonly limits?: WorkerLimits;
  /** Who reacts to which events. */
  readonly subscriptions?: readonly Subscription[];
  /** Further activities, beside the service's own. */
  readonly activities?: Activities;
  /** Further interceptors around each activity, inside Concord's own. */
  readonly interceptors?: readonly ActivityInterceptorsFactory[];
  /** Its deployment's name, and the build's id within it; by default it takes part in no versioning. */
  readonly version?: WorkerDeploymentVersion | undefined;
  /** Absent if nothing is traced. */
  readonly tracing?: Tracing | undefined;
  /** Absent if nobody scrapes metrics. */
  readonly meter?: MetricMeter | undefined;
}

/** Creates the worker of a service, Concord's or another participant's, on its own task queue. */
export function createServiceWorker(hosted: ServiceName | Service, options: ServiceWorkerOptions) {
  const service = typeof hosted === 'string' ? services[hosted] : hosted;
  const { connection, namespace, interceptors = [], activities = {}, tracing, version } = options;
  const { limits = DEFAULT_LIMITS, dataConverter = PLAIN } = options;
  const { workflowBundle = builtBundle(service, dataConverter) } = options;
  const { name: taskQueue, workflowsPath } = service;
  const bundlerOptions = { preloadModules: preloadedModules };
  return Worker.create({
    connection,
    namespace,
    dataConverter,
    taskQueue,
    activities: { ...activitiesOf(service, options), ...activities },
    ...(workflowBundle ? { workflowBundle } : defined({ workflowsPath, bundlerOptions })),
    interceptors: {
      activity: [...(tracing ? [tracing.activity] : []), activityInterceptors, ...interceptors],
      ...defined({ workflowModules: workflowBundle ? undefined : workflowInterceptorModules }),
    },
    sinks: tracing?.sinks ?? droppedSpans,
    ...slotsOf(limits),
    // A server ends what is too large at once; a worker would try it again and again, on servers that name their limits.
    disablePayloadErrorLimit: true,
    ...(version && { workerDeploymentOptions: { version, ...VERSIONING } }),
    shutdownGraceTime: STOP_LIMITS.grace,
    shutdownForceTime: STOP_LIMITS.force,
  });
}

export function activitiesOf(service: Service, options: ServiceWorkerOptions): Activities {
  const { connection, namespace, dataConverter = PLAIN, database, tracing, meter } = options;
  const { subscriptions: table = subscriptions } = options;
  checkSubscriptions(table);
  const interceptors = { workflow: tracing?.client ?? [] };
  const workflow = { queryRejectCondition: 'NOT_OPEN' } as const;
  const client = new Client({ connection, namespace, dataConverter, interceptors, workflow });
  const post = createPost(client, (type) => receiversOf(table, type));
  return {
    ...service.createActivities({
      database,
      post,
      client,
      coordinators: createCoordinators(client),
      report: reportSkipped,
      onLateHold: reportLateHold,
      observeHolds: meter && holdMetrics(meter),
    }),
    ...hostedHandlers(service.name, table, database, post),
  };
}

// Workflows that may outlive every version go along to the next one. An order stays with the version that began it
// (`workflows/order/pinned.ts`), so that no code replays a history that it doesn't fit.
const VERSIONING = { useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' } as const;
// Even so, what is encrypted is refused with the id of its key.
const PLAIN = dataConverterOf(undefined);
