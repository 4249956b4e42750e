import { NativeConnection, Runtime } from '@temporalio/worker';
import type { Db, MongoClient } from 'mongodb';
import pRetry from 'p-retry';
import { z } from 'zod';
import { createMongoClient } from '../activities/mongodb.ts';
import { createServiceWorker } from '../workers/create-worker.ts';
import { createLogger, temporalLogger } from '../workers/logging.ts';
import { type ServiceName, services } from '../workers/services.ts';
import { readSettings } from '../workers/settings.ts';
import { shiftClock } from './clock.ts';
import { activityFaults } from './interceptors.ts';
import { readChaosSettings } from './worker-settings.ts';

/** A service's worker as `workers/` runs it, whose clock may be wrong and whose activities meet faults. */
async function main(name: ServiceName): Promise<void> {
  const chaos = readChaosSettings(process.env);
  shiftClock(chaos.clockFile);
  const { temporal, databases, logLevel } = readSettings(process.env);
  Runtime.install({ logger: temporalLogger(createLogger(logLevel, name)) });
  const connection = await untilItAnswers(() => NativeConnection.connect(temporal.connection));
  const { mongo, database } = await untilItAnswers(() => connectDatabase(name, databases[name]));
  const worker = await createServiceWorker(name, {
    connection,
    namespace: temporal.namespace,
    database,
    workflowBundle: { codePath: chaos.workflowBundle },
    interceptors: [activityFaults(chaos)],
  });
  await worker.run();
  await mongo.close();
  await connection.close();
}

/** A new client each time: one whose first connection failed never recovers. */
async function connectDatabase(
  service: ServiceName,
  { uri, name }: { readonly uri: string; readonly name: string },
): Promise<{ mongo: MongoClient; database: Db }> {
  const mongo = createMongoClient(uri, 'concord-chaos');
  try {
    const database = mongo.db(name);
    await services[service].prepareDatabase(database);
    await database.command({ ping: 1 });
    return { mongo, database };
  } catch (error) {
    await mongo.close();
    throw error;
  }
}

function untilItAnswers<Result>(connect: () => Promise<Result>): Promise<Result> {
  return pRetry(connect, { retries: Number.POSITIVE_INFINITY, minTimeout: 200, maxTimeout: 1_000 });
}

await main(z.enum(['orders', 'inventory']).parse(process.argv[2]));
