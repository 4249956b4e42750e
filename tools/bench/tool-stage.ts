import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { createMongoClient } from '../../activities/mongodb/client.ts';
import { Concord } from '../../client/concord.ts';
import type { ServiceName } from '../../workers/services.ts';
import type { Sources } from '../measure/state.ts';
import type { Report } from '../servers/report.ts';
import { type Servers, startServers } from '../servers/servers.ts';
import { startWorker, type WorkerProcess } from '../start/worker-process.ts';

/** Servers, a worker process for each service, and ways to look at all of it. */
export interface Stage extends Sources {
  readonly concord: Concord;
  readonly workers: Readonly<Record<ServiceName, WorkerProcess>>;
  /** What the figures were measured on, in one line. */
  readonly machine: string;
}

/**
 * Sets the stage, on databases of its own.
 *
 * @param cleanUp Gets what ends each part again; called even where it could not be set in full.
 * @throws {ServersError} where a server or a worker can't be started
 */
export async function setStage(report: Report, cleanUp: (end: () => Promise<void>) => void): Promise<Stage> {
  const servers = await startServers({ report, role: 'test' });
  cleanUp(servers.stop);
  const { address, namespace } = servers.temporal;
  const concord = await Concord.connect({ connection: { address }, namespace });
  cleanUp(() => concord.close());

  const mongo = createMongoClient(servers.mongodb.uri, 'concord-bench');
  const run = randomUUID().slice(0, 8);
  const databases = {
    orders: mongo.db(`bench_${run}_orders`),
    inventory: mongo.db(`bench_${run}_inventory`),
  };
  cleanUp(async () => {
    for (const database of Object.values(databases)) await database.dropDatabase();
    await mongo.close();
  });

  const start = async (name: ServiceName) => {
    const environment = {
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      ORDERS_MONGODB_URI: servers.mongodb.uri,
      INVENTORY_MONGODB_URI: servers.mongodb.uri,
      ORDERS_DATABASE: databases.orders.databaseName,
      INVENTORY_DATABASE: databases.inventory.databaseName,
      // Measured without it.
      ENCRYPTION_KEYS: '',
      ENCRYPTION_KEYS_FILE: '',
    };
    const worker = await startWorker({ name, environment, directory: servers.directory, concord, report });
    cleanUp(worker.stop);
    return worker;
  };
  const workers = { orders: await start('orders'), inventory: await start('inventory') };
  return { concord, client: concord.client, databases, workers, machine: describe(servers) };
}

function describe({ temporal, mongodb }: Servers): string {
  return `${availableParallelism()} cores for everything; Temporal: ${temporal.origin}; MongoDB: ${mongodb.origin}`;
}
