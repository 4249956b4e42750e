import type { NativeConnectionOptions } from '@temporalio/worker';
import { parse } from '../domain/validation.ts';
import { readTemporal } from '../platform/connection/settings.ts';
import type { EncryptionKeys } from '../platform/encryption/keys.ts';
import { readEncryption } from '../platform/encryption/settings.ts';
import { withoutEmpty } from '../platform/settings/setting.ts';
import type { WorkerLimits } from './limits.ts';
import type { ReaperSettings } from './schedules.ts';
import type { ServiceName } from './services.ts';
import { workerEnvironment } from './variables.ts';
import type { DeploymentVersion } from './versioning.ts';

export interface WorkerSettings {
  readonly temporal: { readonly connection: NativeConnectionOptions; readonly namespace: string };
  /** What payloads are encrypted with; nothing where they are not. */
  readonly encryptionKeys: EncryptionKeys | undefined;
  /** Each service's own connection string and database. */
  readonly databases: Readonly<Record<ServiceName, DatabaseSettings>>;
  readonly logLevel: string;
  /** Where `GET /live`, `/ready` and `/health` are answered; nowhere by default. */
  readonly health: { readonly host: string; readonly port: number } | undefined;
  readonly reaper: ReaperSettings;
  /** Where Prometheus scrapes `GET /metrics`; nowhere by default. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  /** How much the worker of each service does at once. */
  readonly limits: WorkerLimits;
  /** Which version of which deployment this worker is; without it, it takes part in no versioning. */
  readonly version: DeploymentVersion | undefined;
}

export interface DatabaseSettings {
  readonly uri: string;
  readonly name: string;
  /** Which variable has named the connection string. */
  readonly variable: string;
}

/**
 * Every setting of a worker, from the environment; `variables.ts` and the platform's `settings.ts` say what there is.
 *
 * @throws ConcordError `InvalidInput`, naming each variable and the fix.
 */
export function readSettings(variables: NodeJS.ProcessEnv): WorkerSettings {
  const read = parse(workerEnvironment, withoutEmpty(variables));
  const { connection, namespace } = readTemporal(variables);
  return {
    temporal: { connection, namespace: namespace ?? 'default' },
    encryptionKeys: readEncryption(variables),
    databases: {
      orders: { ...connectionString('ORDERS_MONGODB_URI', read), name: read.ORDERS_DATABASE },
      inventory: { ...connectionString('INVENTORY_MONGODB_URI', read), name: read.INVENTORY_DATABASE },
    },
    logLevel: read.LOG_LEVEL,
    health: read.HEALTH_PORT === undefined ? undefined : { host: read.HEALTH_HOST, port: read.HEALTH_PORT },
    metrics:
      read.METRICS_PORT === undefined ? undefined : { host: read.METRICS_HOST, port: read.METRICS_PORT },
    reaper: {
      interval: read.REAPER_INTERVAL_SECONDS * 1_000,
      holdLimit: read.REAPER_HOLD_LIMIT_SECONDS * 1_000,
    },
    limits: {
      activities: read.MAXIMUM_ACTIVITIES,
      workflowTasks: read.MAXIMUM_WORKFLOW_TASKS,
      cachedWorkflows: read.CACHED_WORKFLOWS,
      pollers: read.MAXIMUM_POLLERS,
    },
    version: versionOf(read),
  };
}

function versionOf(read: ReturnType<typeof workerEnvironment.parse>): DeploymentVersion | undefined {
  const { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId } = read;
  return deploymentName === undefined || buildId === undefined ? undefined : { deploymentName, buildId };
}

function connectionString(
  own: 'ORDERS_MONGODB_URI' | 'INVENTORY_MONGODB_URI',
  read: ReturnType<typeof workerEnvironment.parse>,
): Pick<DatabaseSettings, 'uri' | 'variable'> {
  const uri = read[own];
  return uri === undefined ? { uri: read.MONGODB_URI, variable: 'MONGODB_URI' } : { uri, variable: own };
}
