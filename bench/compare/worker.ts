import { NativeConnection, Runtime } from '@temporalio/worker';
import pRetry from 'p-retry';
import { z } from 'zod';
import { createMongoClient } from '../../activities/mongodb.ts';
import { createServiceWorker } from '../../workers/create-worker.ts';
import { poolOf } from '../../workers/limits.ts';
import { createLogger, temporalLogger } from '../../workers/logging.ts';
import { services } from '../../workers/services.ts';
import { readSettings } from '../../workers/settings.ts';
import { countCommands, withCommandMonitoring } from './commands.ts';

// A service's worker as `workers/` runs it, but without the reaper, and it counts what it sends to its database.

const name = z.enum(['orders', 'inventory']).parse(process.argv[2]);
const codePath = z.string().parse(process.argv[3]);
process.once('disconnect', () => process.exit());
if (!process.connected) process.exit(); // who started it was gone before it could listen

const { temporal, databases, limits, logLevel } = readSettings(process.env);
Runtime.install({ logger: temporalLogger(createLogger(logLevel, name)) });
const connection = await pRetry(() => NativeConnection.connect(temporal.connection), { retries: 20 });
const uri = withCommandMonitoring(databases[name].uri);
const mongo = createMongoClient(uri, `concord-compare-${name}`, poolOf(limits));
const database = mongo.db(databases[name].name);
await services[name].prepareDatabase(database);
const counts = countCommands(mongo);
process.on('message', () => process.send?.({ counts: counts() }));

const worker = await createServiceWorker(name, {
  ...{ connection, namespace: temporal.namespace, database, limits },
  workflowBundle: { codePath },
});
const running = worker.run();
process.send?.({ ready: true });
await running;
process.exit();
