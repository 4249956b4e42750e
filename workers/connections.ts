import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { MongoServerError, MongoServerSelectionError } from 'mongodb';
import pRetry from 'p-retry';
import type { Logger } from 'pino';
import { createMongoClient } from '../activities/mongodb/client.ts';
import { ensureIndexes } from '../activities/mongodb/indexes.ts';
import { temporalFailure, tlsFailure } from '../platform/connection/connection-failure.ts';
import { proxyTo, workerOptions } from '../platform/connection/proxy.ts';
import { poolOf } from './limits.ts';
import type { Service } from './services.ts';
import type { DatabaseSettings, WorkerSettings } from './settings.ts';

/** Servers start in any order, so a worker waits rather than crashes; until it is told to stop. */
export function waiting(logger: Logger, signal: AbortSignal, maxTimeout = 5_000) {
  return <Result>(what: string, connect: () => Promise<Result>): Promise<Result> => {
    const connected = pRetry(connect, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 500,
      maxTimeout,
      signal,
      onFailedAttempt: ({ error }) =>
        logger.warn({ reason: error.message }, `${what} can't be used yet; trying again`),
    });
    const stopped = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    // A server that hangs must not keep a worker that is to stop: what was asked of it goes on, and nobody waits for it.
    return Promise.race([connected, stopped]);
  };
}

/** Connects to Temporal. @throws Error saying what to do, as far as that can be told. */
export async function connectTemporal(options: NativeConnectionOptions): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(workerOptions(options));
  } catch (error) {
    const { address = 'localhost:7233', tls = null, apiKey } = options;
    const failure = await temporalFailure({ address, tls, ...(apiKey ? { apiKey } : {}) });
    const message = error instanceof Error ? error.message : String(error);
    // gRPC's words for UNAUTHENTICATED and PERMISSION_DENIED, in what the SDK's core says.
    const isRefused = /valid authentication credentials|does not have permission/i.test(message);
    const said = isRefused
      ? 'it does not accept who we are: check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH'
      : message;
    const proxy = proxyTo(address);
    throw new Error(`${proxy ? `through ${proxy.name}: ` : ''}${failure ?? said}`, { cause: error });
  }
}

/** Connects to a service's database, by a new client each time: one whose first connection failed never recovers. */
export async function connectDatabase(service: Service, { databases, limits }: WorkerSettings) {
  const { uri, name, variable } = databases[service.name] as DatabaseSettings;
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

/** Creates the indexes that a service lacks. A large one takes minutes, longer than the worker's own client waits. */
export async function createIndexes(service: Service, { databases }: WorkerSettings): Promise<void> {
  const { uri, name, variable } = databases[service.name] as DatabaseSettings;
  const mongo = createMongoClient(uri, `concord-${service.name}-indexes`, { answerLimit: 0 });
  try {
    await ensureIndexes(mongo.db(name), service.indexes ?? {});
  } catch (error) {
    const { message, cause } = error as Error;
    const reason = cause === undefined ? '' : `: ${mongodbFailure(cause, variable)}`;
    throw new Error(`${message}${reason}`, { cause: error });
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
