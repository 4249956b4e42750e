import { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { reviveWhenDeaf } from '../activities/mongodb/revival.ts';
import { ConcordError } from '../domain/errors.ts';
import { dataConverterOf } from '../platform/encryption/data-converter.ts';
import { within } from '../platform/time-limit.ts';
import { startTracing } from '../platform/tracing/tracing.ts';
import { connectDatabase, connectTemporal, waiting } from './connections.ts';
import { createServiceWorker, type ServiceWorkerOptions } from './create-worker.ts';
import { createEnding, EXIT_CODES, runAll } from './ending.ts';
import { healthChecks, type Started, serveHealth } from './health.ts';
import { createLogger, temporalLogger } from './logging.ts';
import { metricsOptions } from './metrics.ts';
import { prepareMeanwhile } from './preparations.ts';
import { type Service, type ServiceName, services } from './services.ts';
import { readSettings, type WorkerSettings } from './settings.ts';

/**
 * Runs the workers of these services, Concord's or further participants, in this process until SIGINT or SIGTERM; then they
 * finish or hand back what they run. Waits for servers that are not up yet. Ends by one of {@link EXIT_CODES}, within 30 seconds
 * after the signal or a failure, whatever still runs.
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
  // The SDK stops its workers by itself; this is for the time before there are any, and for what doesn't stop.
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const started: Started = { hosted: [] };
  const ending = createEnding(started, logger);
  stop.signal.addEventListener('abort', ending.begin);
  const tracing = await startTracing({
    service: `concord-${names.join('-')}`,
    onError: (error) => logger.warn({ reason: error.message }, 'traces could not be exported'),
  });
  const interceptors = [ending.interceptor, ...(extras.interceptors ?? [])];
  const host = { started, logger, stopped: stop.signal, onEnding: ending.begin };
  const hosting = hostWorkers(chosen, settings, { ...extras, interceptors, tracing }, host);
  const exitCode = await hosting.catch((error) => {
    // The SDK has logged why the worker failed; what it throws then may only say that something is still in use.
    if (ending.isUnfinished()) return ending.giveUp();
    if (stop.signal.aborted && started.hosted.length === 0) {
      logger.info('stopped before it had started');
      return EXIT_CODES.stopped;
    }
    logger.fatal({ err: error }, 'the worker failed');
    return EXIT_CODES.failed;
  });
  await tracing?.stop(CLOSE_LIMIT);
  // A connection that is half open would keep the process, and a process manager would never start it again.
  process.exit(exitCode);
}

// A server that doesn't answer must not keep a worker that is to stop. Milliseconds.
const CLOSE_LIMIT = 2_000;

/** Runs the workers until they are to stop, and returns the exit code. It tells as soon as one of them ends. */
async function hostWorkers(
  chosen: readonly Service[],
  settings: WorkerSettings,
  extras: Partial<ServiceWorkerOptions>,
  host: { started: Started; logger: Logger; stopped: AbortSignal; onEnding: () => void },
): Promise<number> {
  const { started, logger, stopped, onEnding } = host;
  const { limits, version } = settings;
  const { namespace, connection: connectionOptions } = settings.temporal;
  const { address = 'localhost:7233' } = connectionOptions;
  // Served from the beginning: a worker that waits for its servers is to be left alone.
  const health = settings.health && (await serveHealth(settings.health, healthChecks(started)));
  const untilItAnswers = waiting(logger, stopped);
  const connection = await untilItAnswers(`Temporal at ${address}`, () => connectTemporal(connectionOptions));
  const databases = await Promise.all(
    chosen.map((service) =>
      untilItAnswers(`MongoDB of ${service.name}`, () => connectDatabase(service, settings)),
    ),
  );
  const ended = new AbortController();
  const dataConverter = dataConverterOf(settings.encryptionKeys);
  const meter = settings.metrics && Runtime.instance().metricMeter;
  const common = { connection, namespace, dataConverter, limits, version, meter, ...extras };
  const hosted = await Promise.all(
    databases.map(async ({ service, mongo, database }) => {
      reviveWhenDeaf(mongo, ended.signal, (reason) =>
        logger.warn({ reason }, `MongoDB of ${service.name} is connected anew`),
      );
      return { service, mongo, worker: await createServiceWorker(service, { ...common, database }) };
    }),
  );
  prepareMeanwhile(chosen, settings, common, logger, AbortSignal.any([stopped, ended.signal]));
  Object.assign(started, { connection, hosted });
  logger.info({ address, services: chosen.map(({ name }) => name) }, 'worker started');
  const workers = hosted.map(({ worker }) => worker);
  try {
    await runAll(workers, onEnding);
  } finally {
    ended.abort();
    health?.close();
    const close = () => Promise.all([connection.close(), ...hosted.map(({ mongo }) => mongo.close())]);
    await within(CLOSE_LIMIT, close).catch((error) =>
      logger.warn({ reason: error.message }, 'a connection could not be closed in good order'),
    );
  }
  logger.info('worker stopped');
  return EXIT_CODES.stopped;
}

/** A worker that a parent process hosts (`npm start`) ends with it, even if the parent is killed. */
function shutDownWithParent(): void {
  if (process.connected) {
    // To those who listen alone: Windows would end the process at once, in the middle of what it does.
    process.once('disconnect', () => process.emit('SIGTERM') || process.exit(0));
    process.channel?.unref();
  } else if (process.env.CONCORD_ENDS_WITH_PARENT) {
    process.exit(0); // it was gone before this process could listen
  }
}

function installRuntime({ metrics }: WorkerSettings, logger: Logger): void {
  try {
    Runtime.install({ logger: temporalLogger(logger), telemetryOptions: metricsOptions(metrics) });
  } catch (error) {
    refuse(`METRICS_PORT, METRICS_HOST: ${(error as Error).message}; use a free port`);
  }
}

function settingsOrExit(names: readonly string[]): WorkerSettings {
  try {
    return readSettings(process.env, names);
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    return refuse(error.message);
  }
}

function refuse(message: string): never {
  console.error(message);
  process.exit(EXIT_CODES.wrongSetting);
}
