import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { MongoServerError, MongoServerSelectionError } from 'mongodb';
import { createMongoClient } from '../activities/mongodb/client.ts';
import { ensureIndexes } from '../activities/mongodb/indexes.ts';
import { temporalFailure, tlsFailure } from '../platform/connection/connection-failure.ts';
import { proxyTo, workerOptions } from '../platform/connection/proxy.ts';
import { poolOf, type WorkerLimits } from './limits.ts';
import type { Service } from './services.ts';
import type { DatabaseSettings } from './settings.ts';

/** Connects to Temporal. @throws Error saying what to do, as far as that can be told. */
export async function connectTemporal(options: NativeConnectionOptions): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(workerOptions(options));
  } catch (error) {
    const { address = 'localhost:7233', tls = null, apiKey } = options;
    const failure = await temporalFailure({ address, tls, ...(apiKey ? { apiKey } : {}) });
    const message = error instanceof Error ? error.message : String(error);
    // gRPC's words for UNAUTHENTICATED and PERMISSION_DENIED, in what the SDK's core says.
    const refusal = /valid authentication credentials|does not have permission/i.test(message)
      ? 'it does not accept who we are: check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH'
      : undefined;
    const proxy = proxyTo(address);
    const way = proxy === undefined ? '' : `through ${proxy.name}: `;
    throw new Error(`${way}${failure ?? refusal ?? message}`, { cause: error });
  }
}

/**
 * Connects to a service's database, by a new client each time: one whose first connection failed never recovers.
 *
 * @throws Error saying what to do, as far as that can be told.
 */
export async function connectDatabase(service: Service, settings: DatabaseSettings, limits: WorkerLimits) {
  const { uri, name, variable } = settings;
  const mongo = createMongoClient(uri, `concord-${service.name}`, poolOf(limits));
  try {
    const database = mongo.db(name);
    await database.command({ ping: 1 });
    return { service, mongo, database };
  } catch (error) {
    await mongo.close();
    throw new Error(mongodbFailure(error, variable), { cause: error });
  }
}

/**
 * Creates the indexes of a service that are missing, by a client of its own: on a large collection that takes minutes, longer
 * than the worker's own client waits for an answer.
 *
 * @throws Error saying what to do, as far as that can be told.
 */
export async function createIndexes(
  { name, indexes = {} }: Service,
  settings: DatabaseSettings,
): Promise<void> {
  const mongo = createMongoClient(settings.uri, `concord-${name}-indexes`, undefined, { socketTimeoutMS: 0 });
  try {
    await ensureIndexes(mongo.db(settings.name), indexes);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const reason = cause === undefined ? '' : `: ${mongodbFailure(cause, settings.variable)}`;
    throw new Error(`${error instanceof Error ? error.message : error}${reason}`, { cause: error });
  } finally {
    await mongo.close();
  }
}

/** Explains it in words that never hold the connection string. @param variable The setting that names it. */
export function mongodbFailure(error: unknown, variable: string): string {
  if (!(error instanceof Error)) return String(error);
  const found = errorsIn(error);
  if (found.some((inner) => inner instanceof MongoServerError && inner.code === AUTHENTICATION_FAILED))
    return `it does not accept the user or the password in ${variable}: check both, and its authSource`;
  if (error instanceof MongoServerError && error.code === UNAUTHORIZED)
    return `the user in ${variable} may not use this database: give it readWrite there`;
  const names = {
    authority: `${variable}, as tlsCAFile=…`,
    certificate: `${variable}, as tlsCertificateKeyFile=…`,
    otherName: `use the host name that is in it in ${variable}`,
  };
  const codes = found.flatMap((inner) => ('code' in inner ? [String(inner.code)] : []));
  return codes.map((code) => tlsFailure(code, names)).find(Boolean) ?? error.message;
}

const AUTHENTICATION_FAILED = 18;
const UNAUTHORIZED = 13;

/** The error itself, and whatever has kept the driver from its servers. */
function errorsIn(error: Error): Error[] {
  const cause = error.cause instanceof Error ? errorsIn(error.cause) : [];
  const servers =
    error instanceof MongoServerSelectionError ? [...(error.reason?.servers.values() ?? [])] : [];
  return [error, ...cause, ...servers.flatMap((server) => (server.error ? errorsIn(server.error) : []))];
}
