import { MongoClient } from 'mongodb';
import { z } from 'zod';
import { weakeningIn } from '../activities/mongodb/client.ts';
import { type ServiceName, services } from '../domain/services.ts';
import { parse } from '../domain/validation.ts';
import { readEncryption } from '../platform/settings/read-encryption.ts';
import { readTemporal } from '../platform/settings/read-temporal.ts';
import { faultOf, withoutEmpty } from '../platform/settings/setting.ts';
import { databaseVariables, workerVariables } from '../platform/settings/variables.ts';
import { isTracingOn } from '../platform/tracing/tracing.ts';
import { limitsIn } from './limits.ts';

export type WorkerSettings<Name extends string = string> = ReturnType<typeof readSettings<Name>>;

/** Where something listens. */
export type Address = { readonly host: string; readonly port: number };

export type DatabaseSettings = ReturnType<typeof databaseOf>;

/**
 * Reads every setting of a worker from the environment; `platform/settings/variables.ts` says what there is.
 *
 * @param names The services that it hosts.
 * @throws ConcordError `InvalidInput`, naming each variable and the fix.
 */
export function readSettings<Name extends string = ServiceName>(
  variables: NodeJS.ProcessEnv,
  names: readonly Name[] = services as readonly string[] as readonly Name[],
) {
  const read = parse(environmentOf(names), withoutEmpty(variables));
  const { connection, namespace } = readTemporal(variables);
  const { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId } = read;
  isTracingOn(variables); // refused with the rest, before anything is started
  const databases = names.map((name) => [name, databaseOf(name, read)]);
  return {
    temporal: { connection, namespace: namespace ?? 'default' },
    encryptionKeys: readEncryption(variables),
    databases: Object.fromEntries(databases) as Readonly<Record<Name, DatabaseSettings>>,
    logLevel: read.LOG_LEVEL,
    /** Where `GET /live`, `/ready` and `/health` are answered; nowhere by default. */
    health: addressOf(read.HEALTH_HOST, read.HEALTH_PORT),
    /** Where Prometheus scrapes `GET /metrics`; nowhere by default. */
    metrics: addressOf(read.METRICS_HOST, read.METRICS_PORT),
    /** How often the reaper looks, and how old a hold is before it is looked at. Milliseconds. */
    reaper: {
      interval: read.REAPER_INTERVAL_SECONDS * 1_000,
      holdLimit: read.REAPER_HOLD_LIMIT_SECONDS * 1_000,
    },
    limits: limitsIn(read),
    version: deploymentName && buildId ? { deploymentName, buildId } : undefined,
  };
}

function addressOf(host: string, port: number | undefined): Address | undefined {
  return port === undefined ? undefined : { host, port };
}

/** An own connection string wins over the common one. Says which variable has named it. */
function databaseOf(service: string, read: object) {
  const values = read as Readonly<Record<string, string | undefined>>;
  const prefix = service.toUpperCase();
  const variable = values[`${prefix}_MONGODB_URI`] === undefined ? 'MONGODB_URI' : `${prefix}_MONGODB_URI`;
  return { uri: values[variable] ?? '', name: values[`${prefix}_DATABASE`] ?? service, variable };
}

/** Everything that a worker of these services reads, so that all that is wrong is said at once. */
function environmentOf(names: readonly string[]) {
  const variables: Record<string, z.ZodType> = { ...workerVariables };
  Object.assign(variables, ...names.map(databaseVariables));
  for (const [name, schema] of Object.entries(variables))
    if (name.endsWith('MONGODB_URI')) variables[name] = schema.superRefine(checkUri);
  // Temporal's SDK would lower the tasks to the cache in silence.
  return z
    .object(variables as typeof workerVariables)
    .refine((read) => read.CACHED_WORKFLOWS >= read.MAXIMUM_WORKFLOW_TASKS, {
      path: ['CACHED_WORKFLOWS'],
      message: 'use at least MAXIMUM_WORKFLOW_TASKS: each of them needs its workflow in memory',
    })
    .refine((read) => !read.TEMPORAL_DEPLOYMENT_NAME === !read.TEMPORAL_WORKER_BUILD_ID, {
      path: ['TEMPORAL_DEPLOYMENT_NAME'],
      message: 'set it together with TEMPORAL_WORKER_BUILD_ID, or neither of them',
    });
}

/** Complains in words of our own: the driver's may repeat the connection string, and so the password. */
function checkUri(value: unknown, context: z.RefinementCtx): void {
  const complain = (message: string) => context.addIssue({ code: 'custom', message });
  if (typeof value !== 'string') return;
  const weakening = weakeningIn(value);
  // The driver would warn of some of these options, which are refused anyway.
  if (weakening !== undefined) return void complain(weakening);
  try {
    const { tlsCAFile, tlsCertificateKeyFile } = new MongoClient(value).options;
    for (const [option, file] of Object.entries({ tlsCAFile, tlsCertificateKeyFile })) {
      const fault = file === undefined ? undefined : faultOf(file);
      if (fault !== undefined) complain(`its ${option} ${fault}`);
    }
  } catch {
    complain('use a MongoDB connection string, mongodb://…');
  }
}
