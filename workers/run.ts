import { NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import type { MongoClient } from 'mongodb';
import pRetry from 'p-retry';
import type { Logger } from 'pino';
import { createMongoClient } from '../activities/mongodb.ts';
import { ConcordError } from '../domain/errors.ts';
import { createServiceWorker } from './create-worker.ts';
import { serveHealth } from './health.ts';
import { createLogger, temporalLogger } from './logging.ts';
import { type ServiceName, services } from './services.ts';
import { readSettings, type WorkerSettings } from './settings.ts';

/**
 * Runs the workers of these services in this process until SIGINT or SIGTERM; then they finish or hand back what they
 * run. Waits for servers that are not up yet. Exit code 2 where a setting is wrong, 1 where a worker failed.
 */
export async function runServices(names: readonly ServiceName[]): Promise<void> {
  const settings = settingsOrExit();
  const logger = createLogger(settings.logLevel, names.join('+'));
  Runtime.install({ logger: temporalLogger(logger) });
  shutDownWithParent();
  try {
    await hostWorkers(names, settings, logger);
  } catch (error) {
    logger.fatal({ err: error }, 'the worker failed');
    process.exitCode = 1;
  }
}

async function hostWorkers(
  names: readonly ServiceName[],
  settings: WorkerSettings,
  logger: Logger,
): Promise<void> {
  const { address = 'localhost:7233' } = settings.temporal.connection;
  const connection = await untilItAnswers(`Temporal at ${address}`, logger, () =>
    NativeConnection.connect(settings.temporal.connection),
  );
  const hosted = await Promise.all(names.map((name) => createHosted(name, connection, settings, logger)));
  const health =
    settings.health &&
    serveHealth(settings.health, async () => (await Promise.all(hosted.map(isHealthy))).every(Boolean));
  logger.info({ address, services: names }, 'worker started');
  try {
    await Promise.all(hosted.map(({ worker }) => worker.run()));
  } finally {
    health?.close();
    await Promise.all(hosted.map(({ mongo }) => mongo.close()));
    await connection.close();
    logger.info('worker stopped');
  }
}

interface Hosted {
  readonly worker: Worker;
  readonly mongo: MongoClient;
}

async function createHosted(
  name: ServiceName,
  connection: NativeConnection,
  settings: WorkerSettings,
  logger: Logger,
): Promise<Hosted> {
  const { uri, name: databaseName } = settings.databases[name];
  const mongo = createMongoClient(uri, `concord-${name}`);
  const database = mongo.db(databaseName);
  await untilItAnswers(`MongoDB of ${name}`, logger, () => services[name].prepareDatabase(database));
  const { namespace } = settings.temporal;
  return { mongo, worker: await createServiceWorker(name, { connection, namespace, database }) };
}

async function isHealthy({ worker, mongo }: Hosted): Promise<boolean> {
  await mongo.db('admin').command({ ping: 1 }, { timeoutMS: 2_000 });
  return worker.getState() === 'RUNNING';
}

/** Servers start in any order, so a worker waits rather than crashes. */
function untilItAnswers<Result>(
  what: string,
  logger: Logger,
  connect: () => Promise<Result>,
): Promise<Result> {
  return pRetry(connect, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 500,
    maxTimeout: 5_000,
    onFailedAttempt: ({ error }) =>
      logger.warn({ reason: error.message }, `${what} does not answer; trying again`),
  });
}

/** A worker that a parent process hosts (`npm start`) ends with it, even where the parent was killed. */
function shutDownWithParent(): void {
  if (process.channel === undefined) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

function settingsOrExit(): WorkerSettings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
