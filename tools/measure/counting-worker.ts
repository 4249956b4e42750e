import { NativeConnection, Runtime } from '@temporalio/worker';
import pRetry from 'p-retry';
import { z } from 'zod';
import { createMongoClient } from '../../activities/mongodb/client.ts';
import { createServiceWorker, type ServiceWorkerOptions } from '../../workers/create-worker.ts';
import { poolOf } from '../../workers/limits.ts';
import { createLogger, temporalLogger } from '../../workers/logging.ts';
import { metricsOptions } from '../../workers/metrics.ts';
import { type ServiceName, services } from '../../workers/services.ts';
import { readSettings } from '../../workers/settings.ts';
import { countCommands, withCommandMonitoring } from './command-counts.ts';

/** What a measurement adds to a service's worker. */
type Extras = Pick<ServiceWorkerOptions, 'activities'>;

/**
 * Runs, in this process, a service's worker as `workers/` runs it, but without the reaper, and counts what it sends to its
 * database. Who has started the process gets `ready`, and the counts on request; it names the service and the bundle of its
 * workflows as arguments. A message `stop`, or its end, ends the process in good order.
 */
export async function runCountingWorker(extrasOf: (name: ServiceName) => Extras = () => ({})): Promise<void> {
  const name = z.enum(['orders', 'inventory']).parse(process.argv[2]);
  const codePath = z.string().parse(process.argv[3]);
  process.once('disconnect', () => process.exit());
  if (!process.connected) process.exit(); // who started it was gone before it could listen

  const { temporal, databases, limits, logLevel, metrics } = readSettings(process.env);
  Runtime.install({
    logger: temporalLogger(createLogger(logLevel, name)),
    telemetryOptions: metricsOptions(metrics),
  });
  const connection = await pRetry(() => NativeConnection.connect(temporal.connection), { retries: 20 });
  const uri = withCommandMonitoring(databases[name].uri);
  const mongo = createMongoClient(uri, `concord-compare-${name}`, poolOf(limits));
  const database = mongo.db(databases[name].name);
  await services[name].prepareDatabase?.(database);
  const counts = countCommands(mongo);

  const worker = await createServiceWorker(name, {
    ...{ connection, namespace: temporal.namespace, database, limits },
    ...extrasOf(name),
    workflowBundle: { codePath },
  });
  process.on('message', (message) => {
    if (message === 'stop') worker.shutdown();
    else process.send?.({ counts: counts() });
  });
  const running = worker.run();
  process.send?.({ ready: true });
  await running;
  process.exit();
}
