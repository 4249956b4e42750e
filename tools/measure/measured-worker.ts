import { NativeConnection, Runtime } from '@temporalio/worker';
import pRetry from 'p-retry';
import { z } from 'zod';
import { createMongoClient } from '../../activities/mongodb/client.ts';
import { ensureIndexes } from '../../activities/mongodb/indexes.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import { services as names, type ServiceName } from '../../domain/services.ts';
import { workerOptions } from '../../platform/connection/proxy.ts';
import { createServiceWorker } from '../../workers/create-worker.ts';
import { poolOf } from '../../workers/limits.ts';
import { createLogger, temporalLogger } from '../../workers/logging.ts';
import { metricsOptions } from '../../workers/metrics.ts';
import { services } from '../../workers/services.ts';
import { readSettings } from '../../workers/settings.ts';
import { countCommands, withCommandMonitoring } from './command-counts.ts';

// A service's worker as `workers/` runs it, but without its schedule, and it counts what it sends to its database. It ends
// with the process that started it, and in good order on SIGTERM, which the SDK's runtime handles.

/** For the floor, with which Concord is compared. */
export type FloorActivities = Record<
  `${ServiceName}.nothing`,
  (request: ParticipantRequest) => Promise<void>
>;

const name = z.enum(names).parse(process.argv[2]);
const codePath = z.string().parse(process.argv[3]);
process.once('disconnect', () => process.exit());
if (!process.connected) process.exit(); // who started it was gone before it could listen

const { temporal, databases, limits, logLevel, metrics } = readSettings(process.env);
const logger = temporalLogger(createLogger(logLevel, name));
Runtime.install({ logger, telemetryOptions: metricsOptions(metrics) });
const connect = () => NativeConnection.connect(workerOptions(temporal.connection));
const connection = await pRetry(connect, { retries: 20 });
const uri = withCommandMonitoring(databases[name].uri);
const mongo = createMongoClient(uri, `measured-${name}`, poolOf(limits));
const database = mongo.db(databases[name].name);
await ensureIndexes(database, services[name].indexes ?? {});
const counts = countCommands(mongo);

const activities = { [`${name}.nothing` satisfies keyof FloorActivities]: async () => {} };
const { namespace } = temporal;
const options = { connection, namespace, database, limits, activities, workflowBundle: { codePath } };
const worker = await createServiceWorker(name, options);
process.on('message', () => process.send?.({ counts: counts() }));
const running = worker.run();
process.send?.({ ready: true });
await running;
process.exit();
