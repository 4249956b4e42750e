import { Client } from '@temporalio/client';
import { type NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import type { MongoClient } from 'mongodb';
import pRetry from 'p-retry';
import type { Logger } from 'pino';
import { reviveWhenDeaf } from '../activities/mongodb/revival.ts';
import { allDone } from '../domain/all-done.ts';
import { ConcordError } from '../domain/errors.ts';
import { dataConverterOf } from '../platform/encryption/data-converter.ts';
import { startTracing } from '../platform/tracing/tracing.ts';
import { connectDatabase, connectTemporal, createIndexes } from './connections.ts';
import { createServiceWorker, type ServiceWorkerOptions } from './create-worker.ts';
import { type HealthChecks, serveHealth } from './health.ts';
import { createLogger, temporalLogger } from './logging.ts';
import { metricsOptions, showSweepInterval } from './metrics.ts';
import { ensureSchedule } from './schedules.ts';
import { type Service, type ServiceName, services } from './services.ts';
import { type DatabaseSettings, readSettings, type WorkerSettings } from './settings.ts';

/**
 * Runs the workers of these services, Concord's or further participants, in this process until SIGINT or SIGTERM; then they
 * finish or hand back what they run. Waits for servers that are not up yet. Exit code 2 if a setting is wrong, 1 if a worker
 * failed.
 *
 * @param extras Given to every worker beside its settings, in a test or by `npm start`: further interceptors around each
 *   activity, and workflow code that is bundled already. A bundle is one service's own.
 */
export async function runServices(
  hosted: readonly (ServiceName | Service)[],
  extras: Pick<ServiceWorkerOptions, 'interceptors' | 'workflowBundle'> = {},
): Promise<void> {
  const chosen = hosted.map((one) => (typeof one === 'string' ? services[one] : one));
  const names = chosen.map(({ name }) => name);
  const settings = settingsOrExit(names);
  const logger = createLogger(settings.logLevel, names.join('+'));
  installRuntime(settings, logger);
  shutDownWithParent();
  // The SDK stops its workers by itself; this is for the time before there are any.
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const tracing = await startTracing({
    service: `concord-${names.join('-')}`,
    onError: (error) => logger.warn({ reason: error.message }, 'traces could not be exported'),
  });
  const exitCode = await hostWorkers(chosen, settings, { ...extras, tracing }, logger, stop.signal).then(
    () => 0,
    (error) => {
      if (stop.signal.aborted) {
        const reason = error instanceof Error ? error.message : error;
        logger.info({ reason }, 'stopped before it had started');
        return 0;
      }
      logger.fatal({ err: error }, 'the worker failed');
      return 1;
    },
  );
  await tracing?.stop(TRACING_STOP_LIMIT);
  // A connection that is half open would keep the process, and a process manager would never start it again.
  process.exit(exitCode);
}

// A collector that doesn't answer must not keep a worker that is to stop. Milliseconds.
const TRACING_STOP_LIMIT = 2_000;

interface Hosted {
  readonly service: Service;
  readonly worker: Worker;
  readonly mongo: MongoClient;
}

/** The parts that run so far; none while this process still waits for its servers. */
interface Started {
  connection?: NativeConnection;
  hosted: readonly Hosted[];
}

async function hostWorkers(
  chosen: readonly Service[],
  settings: WorkerSettings,
  extras: Partial<ServiceWorkerOptions>,
  logger: Logger,
  stopped: AbortSignal,
): Promise<void> {
  const { limits, version } = settings;
  const { namespace, connection: connectionOptions } = settings.temporal;
  const { address = 'localhost:7233' } = connectionOptions;
  const started: Started = { hosted: [] };
  // Served from the beginning: a worker that waits for its servers is to be left alone.
  const health = settings.health && (await serveHealth(settings.health, healthChecks(started)));
  const untilItAnswers = waiting(logger, stopped);
  const connection = await untilItAnswers(`Temporal at ${address}`, () => connectTemporal(connectionOptions));
  const databases = await Promise.all(
    chosen.map((service) =>
      untilItAnswers(`MongoDB of ${service.name}`, () =>
        connectDatabase(service, settings.databases[service.name] as DatabaseSettings, limits),
      ),
    ),
  );
  const ended = new AbortController();
  const dataConverter = dataConverterOf(settings.encryptionKeys);
  const meter = settings.metrics && Runtime.instance().metricMeter;
  const hosted = await Promise.all(
    databases.map(async ({ service, mongo, database }) => {
      reviveWhenDeaf(mongo, ended.signal, (reason) =>
        logger.warn({ reason }, `MongoDB of ${service.name} is connected anew`),
      );
      const common = { connection, namespace, dataConverter, database, limits, version, meter };
      return { service, mongo, worker: await createServiceWorker(service, { ...common, ...extras }) };
    }),
  );
  const untilEnd = AbortSignal.any([stopped, ended.signal]);
  const untilEnded = waiting(logger, untilEnd);
  const eventually = waiting(logger, untilEnd, RARELY);
  const client = new Client({ connection, namespace, dataConverter });
  for (const schedule of chosen.flatMap((service) => service.schedule?.(settings) ?? [])) {
    if (meter) showSweepInterval(meter, schedule);
    // No order depends on it, so no worker waits for it.
    untilEnded(`the schedule ${schedule.id}`, () => ensureSchedule(client, schedule)).catch((error) =>
      logger.debug({ err: error }, `ended before the schedule ${schedule.id} was there`),
    );
  }
  for (const service of chosen.filter(({ indexes }) => indexes)) {
    // Lists and sweeps are slow without them, and no order needs one, so no worker waits for them either.
    const create = () => createIndexes(service, settings.databases[service.name] as DatabaseSettings);
    eventually(`an index of ${service.name}`, create).catch((error) =>
      logger.debug({ err: error }, `ended before the indexes of ${service.name} were there`),
    );
  }
  Object.assign(started, { connection, hosted });
  logger.info({ address, services: chosen.map(({ name }) => name) }, 'worker started');
  try {
    await runAll(hosted.map(({ worker }) => worker));
  } finally {
    ended.abort();
    health?.close();
    await Promise.all(hosted.map(({ mongo }) => mongo.close()));
    await connection.close();
    logger.info('worker stopped');
  }
}

// For what may need somebody's hand, and that nobody waits for. Milliseconds.
const RARELY = 10 * 60_000;

/** If one worker fails, the others finish what they run before it is reported. */
function runAll(workers: readonly Worker[]): Promise<void> {
  const runs = workers.map((worker) =>
    worker.run().catch((error) => {
      for (const other of workers) if (other.getState() === 'RUNNING') other.shutdown();
      throw error;
    }),
  );
  return allDone(runs);
}

function healthChecks(started: Started): HealthChecks {
  const areHealthy = async () => {
    const { hosted } = started;
    await Promise.all(
      hosted.map(({ mongo }) => mongo.db('admin').command({ ping: 1 }, { timeoutMS: PATIENCE })),
    );
    return hosted.length > 0 && hosted.every(({ worker }) => worker.getState() === 'RUNNING');
  };
  return {
    live: () => started.hosted.every(({ worker }) => !ENDED.has(worker.getState())),
    async ready() {
      const { connection, hosted } = started;
      if (connection === undefined || !(await areHealthy())) return false;
      const deadline = Date.now() + PATIENCE;
      await connection.withDeadline(deadline, () => connection.workflowService.getSystemInfo({}));
      return hosted.every(isPolling);
    },
    health: areHealthy,
  };
}

// A probe waits for some seconds.
const PATIENCE = 2_000;
const ENDED: ReadonlySet<string> = new Set(['STOPPED', 'FAILED']);

function isPolling({ service, worker }: Hosted): boolean {
  const { workflowPollerState, activityPollerState } = worker.getStatus();
  const runsNoWorkflows = service.workflowsPath === undefined;
  return activityPollerState === 'POLLING' && (runsNoWorkflows || workflowPollerState === 'POLLING');
}

/** Servers start in any order, so a worker waits rather than crashes; until it is told to stop. */
function waiting(logger: Logger, signal: AbortSignal, maxTimeout = 5_000) {
  return <Result>(what: string, connect: () => Promise<Result>): Promise<Result> =>
    pRetry(connect, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 500,
      maxTimeout,
      signal,
      onFailedAttempt: ({ error }) =>
        logger.warn({ reason: error.message }, `${what} can't be used yet; trying again`),
    });
}

/** A worker that a parent process hosts (`npm start`) ends with it, even if the parent is killed. */
function shutDownWithParent(): void {
  if (process.connected) {
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel?.unref();
  } else if (process.env.CONCORD_ENDS_WITH_PARENT) {
    process.exit(0); // it was gone before this process could listen
  }
}

function installRuntime({ metrics }: WorkerSettings, logger: Logger): void {
  try {
    Runtime.install({ logger: temporalLogger(logger), telemetryOptions: metricsOptions(metrics) });
  } catch (error) {
    console.error(`METRICS_PORT, METRICS_HOST: ${(error as Error).message}; use a free port`);
    process.exit(2);
  }
}

function settingsOrExit(names: readonly string[]): WorkerSettings {
  try {
    return readSettings(process.env, names);
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
