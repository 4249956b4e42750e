import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { MongoClient } from 'mongodb';
import { z } from 'zod';
import { ConcordError } from '../domain/errors.ts';
import { HOLD_LIMIT, REAP_INTERVAL } from '../domain/policies.ts';
import { parse } from '../domain/validation.ts';
import { DEFAULT_LIMITS, type WorkerLimits } from './limits.ts';
import type { ReaperSettings } from './reaper-schedule.ts';
import type { ServiceName } from './services.ts';
import type { DeploymentVersion } from './versioning.ts';

export interface WorkerSettings {
  readonly temporal: { readonly connection: NativeConnectionOptions; readonly namespace: string };
  /** Each service's own connection string and database. */
  readonly databases: Readonly<Record<ServiceName, { readonly uri: string; readonly name: string }>>;
  readonly logLevel: string;
  /** Where `GET /health` is answered; nowhere by default. */
  readonly health: { readonly host: string; readonly port: number } | undefined;
  readonly reaper: ReaperSettings;
  /** How much the worker of each service does at once. */
  readonly limits: WorkerLimits;
  /** Which version of which deployment this worker is; without it, it takes part in no versioning. */
  readonly version: DeploymentVersion | undefined;
}

const uri = z.string().refine(isConnectionString, 'use a MongoDB connection string, mongodb://…');
const database = z.string().regex(/^[A-Za-z0-9_-]{1,63}$/, 'use 1 to 63 letters, digits, - and _');

const YEAR = 365 * 24 * 60 * 60;
const SECONDS_FIX = `use whole seconds, from 1 to ${YEAR}`;
const seconds = z.coerce.number(SECONDS_FIX).int(SECONDS_FIX).min(1, SECONDS_FIX).max(YEAR, SECONDS_FIX);

const limit = (least: number, most: number) => {
  const fix = `use a whole number from ${least} to ${most}`;
  return z.coerce.number(fix).int(fix).min(least, fix).max(most, fix);
};

// Temporal itself takes no dot in the name of a deployment.
const deployment = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_/-]{0,99}$/,
    'use 1 to 100 letters, digits and _ / -, starting with a letter or a digit',
  );
const build = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/,
    'use 1 to 100 letters, digits and . _ / -, starting with a letter or a digit',
  );

const environment = z.object({
  MONGODB_URI: uri.default('mongodb://127.0.0.1:27017'),
  ORDERS_MONGODB_URI: uri.optional(),
  INVENTORY_MONGODB_URI: uri.optional(),
  ORDERS_DATABASE: database.default('orders'),
  INVENTORY_DATABASE: database.default('inventory'),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'use trace, debug, info, warn, error or fatal',
    )
    .default('info'),
  HEALTH_HOST: z.string().min(1).default('127.0.0.1'),
  HEALTH_PORT: z.coerce.number().int().min(1).max(65_535, 'use a port from 1 to 65535').optional(),
  REAPER_INTERVAL_SECONDS: seconds.default(REAP_INTERVAL / 1_000),
  REAPER_HOLD_LIMIT_SECONDS: seconds.default(HOLD_LIMIT / 1_000),
  MAXIMUM_ACTIVITIES: limit(1, 1_000).default(DEFAULT_LIMITS.activities),
  MAXIMUM_WORKFLOW_TASKS: limit(2, 1_000).default(DEFAULT_LIMITS.workflowTasks),
  CACHED_WORKFLOWS: limit(2, 100_000).default(DEFAULT_LIMITS.cachedWorkflows),
  MAXIMUM_POLLERS: limit(2, 100).default(DEFAULT_LIMITS.pollers),
  // The names that Temporal's own controller for Kubernetes sets.
  TEMPORAL_DEPLOYMENT_NAME: deployment.optional(),
  TEMPORAL_WORKER_BUILD_ID: build.optional(),
});

// Temporal's SDK would lower the tasks in silence.
const consistent = environment
  .refine((read) => read.CACHED_WORKFLOWS >= read.MAXIMUM_WORKFLOW_TASKS, {
    path: ['CACHED_WORKFLOWS'],
    message: 'use at least MAXIMUM_WORKFLOW_TASKS: each of them needs its workflow in memory',
  })
  .refine((read) => !read.TEMPORAL_DEPLOYMENT_NAME === !read.TEMPORAL_WORKER_BUILD_ID, {
    path: ['TEMPORAL_DEPLOYMENT_NAME'],
    message: 'set it together with TEMPORAL_WORKER_BUILD_ID, or neither of them',
  });

/** Every variable that is read here. */
export const settingNames: readonly string[] = Object.keys(environment.shape);

/**
 * Every setting of a worker, from the environment. Temporal's own are read by `@temporalio/envconfig`
 * (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_…`, profiles).
 *
 * @throws ConcordError `InvalidInput`, naming each variable and the fix.
 */
export function readSettings(variables: NodeJS.ProcessEnv): WorkerSettings {
  const set = withoutEmpty(variables);
  const read = parse(consistent, set);
  const { connectionOptions, namespace } = temporalSettings(set);
  return {
    temporal: { connection: connectionOptions, namespace: namespace ?? 'default' },
    databases: {
      orders: { uri: read.ORDERS_MONGODB_URI ?? read.MONGODB_URI, name: read.ORDERS_DATABASE },
      inventory: { uri: read.INVENTORY_MONGODB_URI ?? read.MONGODB_URI, name: read.INVENTORY_DATABASE },
    },
    logLevel: read.LOG_LEVEL,
    health: read.HEALTH_PORT === undefined ? undefined : { host: read.HEALTH_HOST, port: read.HEALTH_PORT },
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

function versionOf(read: z.output<typeof environment>): DeploymentVersion | undefined {
  const { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId } = read;
  return deploymentName === undefined || buildId === undefined ? undefined : { deploymentName, buildId };
}

function temporalSettings(variables: Record<string, string>): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig({ overrideEnvVars: variables });
  } catch (error) {
    const fix = error instanceof Error ? error.message : String(error);
    throw new ConcordError('InvalidInput', {
      problems: [{ field: 'TEMPORAL_… or its configuration file', fix }],
    });
  }
}

function isConnectionString(value: string): boolean {
  try {
    new MongoClient(value);
    return true;
  } catch {
    return false;
  }
}

/** An empty variable, as Compose files leave it, is one that isn't set. */
function withoutEmpty(variables: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}
