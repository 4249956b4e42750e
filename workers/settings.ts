import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { MongoClient } from 'mongodb';
import { z } from 'zod';
import { ConcordError } from '../domain/errors.ts';
import { HOLD_LIMIT, REAP_INTERVAL } from '../domain/policies.ts';
import { parse } from '../domain/validation.ts';
import type { ReaperSettings } from './reaper-schedule.ts';
import type { ServiceName } from './services.ts';

export interface WorkerSettings {
  readonly temporal: { readonly connection: NativeConnectionOptions; readonly namespace: string };
  /** Each service's own connection string and database. */
  readonly databases: Readonly<Record<ServiceName, { readonly uri: string; readonly name: string }>>;
  readonly logLevel: string;
  /** Where `GET /health` is answered; nowhere by default. */
  readonly health: { readonly host: string; readonly port: number } | undefined;
  readonly reaper: ReaperSettings;
}

const uri = z.string().refine(isConnectionString, 'use a MongoDB connection string, mongodb://…');
const database = z.string().regex(/^[A-Za-z0-9_-]{1,63}$/, 'use 1 to 63 letters, digits, - and _');

const SECONDS_FIX = 'use whole seconds, from 1';
const seconds = z.coerce.number(SECONDS_FIX).int(SECONDS_FIX).min(1, SECONDS_FIX);

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
  const read = parse(environment, set);
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
  };
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
