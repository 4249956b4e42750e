import type { NativeConnectionOptions } from '@temporalio/worker';
import { MongoClient } from 'mongodb';
import { z } from 'zod';
import { weakeningIn } from '../activities/mongodb/client.ts';
import { type ServiceName, services } from '../domain/services.ts';
import { parse } from '../domain/validation.ts';
import type { EncryptionKeys } from '../platform/encryption/keys.ts';
import { readEncryption } from '../platform/settings/read-encryption.ts';
import { readTemporal } from '../platform/settings/read-temporal.ts';
import { faultOf, withoutEmpty } from '../platform/settings/setting.ts';
import { databaseVariables, workerVariables } from '../platform/settings/variables.ts';
import type { WorkerLimits } from './limits.ts';
import type { ReaperSettings } from './schedules.ts';
import type { DeploymentVersion } from './versioning.ts';

export interface WorkerSettings<Name extends string = string> {
  readonly temporal: { readonly connection: NativeConnectionOptions; readonly namespace: string };
  /** What payloads are encrypted with; nothing where they are not. */
  readonly encryptionKeys: EncryptionKeys | undefined;
  /** Each service's own connection string and database. */
  readonly databases: Readonly<Record<Name, DatabaseSettings>>;
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
 * Every setting of a worker, from the environment; `platform/settings/variables.ts` says what there is.
 *
 * @param names The services that it hosts.
 * @throws ConcordError `InvalidInput`, naming each variable and the fix.
 */
export function readSettings<Name extends string = ServiceName>(
  variables: NodeJS.ProcessEnv,
  names: readonly Name[] = services as readonly string[] as readonly Name[],
): WorkerSettings<Name> {
  const read = parse(environmentOf(names), withoutEmpty(variables));
  const { connection, namespace } = readTemporal(variables);
  const { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId } = read;
  return {
    temporal: { connection, namespace: namespace ?? 'default' },
    encryptionKeys: readEncryption(variables),
    databases: Object.fromEntries(names.map((name) => [name, databaseOf(name, read)])) as Record<
      Name,
      DatabaseSettings
    >,
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
    version: deploymentName && buildId ? { deploymentName, buildId } : undefined,
  };
}

/** An own connection string wins over the common one. */
function databaseOf(service: string, read: object): DatabaseSettings {
  const values = read as Readonly<Record<string, string | undefined>>;
  const prefix = service.toUpperCase();
  const variable = values[`${prefix}_MONGODB_URI`] === undefined ? 'MONGODB_URI' : `${prefix}_MONGODB_URI`;
  return { uri: values[variable] ?? '', name: values[`${prefix}_DATABASE`] ?? service, variable };
}

/** Everything that a worker of these services reads, so that all that is wrong is said at once. */
function environmentOf(names: readonly string[]) {
  const shape: Record<string, z.ZodType> = Object.assign(
    {},
    workerVariables,
    ...names.map(databaseVariables),
  );
  for (const [name, schema] of Object.entries(shape))
    if (name.endsWith('MONGODB_URI')) shape[name] = schema.superRefine(checkUri);
  return z
    .object(shape as typeof workerVariables)
    .refine((read) => read.CACHED_WORKFLOWS >= read.MAXIMUM_WORKFLOW_TASKS, {
      path: ['CACHED_WORKFLOWS'],
      // Temporal's SDK would lower the tasks in silence.
      message: 'use at least MAXIMUM_WORKFLOW_TASKS: each of them needs its workflow in memory',
    })
    .refine((read) => !read.TEMPORAL_DEPLOYMENT_NAME === !read.TEMPORAL_WORKER_BUILD_ID, {
      path: ['TEMPORAL_DEPLOYMENT_NAME'],
      message: 'set it together with TEMPORAL_WORKER_BUILD_ID, or neither of them',
    });
}

/** In words of our own: the driver's may repeat the connection string, and so the password. */
function checkUri(value: unknown, context: z.RefinementCtx): void {
  const complain = (message: string) => context.addIssue({ code: 'custom', message });
  if (typeof value !== 'string') return;
  try {
    const { tlsCAFile, tlsCertificateKeyFile } = new MongoClient(value).options;
    for (const [option, file] of Object.entries({ tlsCAFile, tlsCertificateKeyFile })) {
      const fault = file === undefined ? undefined : faultOf(file);
      if (fault !== undefined) complain(`its ${option} ${fault}`);
    }
    const weakening = weakeningIn(value);
    if (weakening !== undefined) complain(weakening);
  } catch {
    complain('use a MongoDB connection string, mongodb://…');
  }
}
