import { randomUUID } from 'node:crypto';
import { mkdtemp, realpath } from 'node:fs/promises';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { createMongoClient } from '../../activities/mongodb/client.ts';
import { Concord } from '../../client/concord.ts';
import { defined } from '../../domain/defined.ts';
import { bundleWorkflows } from '../../workers/bundle.ts';
import type { ServiceName } from '../../workers/services.ts';
import { ServersError } from '../servers/attempts.ts';
import { createEnding } from '../servers/ending.ts';
import { type ChaosServer, startChaosMongoDB, startChaosTemporal } from '../servers/lasting-server.ts';
import { mongodbFromEnvironment } from '../servers/mongodb.ts';
import { end, identify, withDescendants } from '../servers/processes.ts';
import { createSupervisor, type Supervisor, tail } from '../servers/supervisor.ts';
import { startTemporal } from '../servers/temporal.ts';
import type { Program } from './program.ts';
import { openNamespace, type UserTemporal } from './user-temporal.ts';
import { createLaunchedWorker } from './worker-launcher.ts';

export type ServerStage = Awaited<ReturnType<typeof setServers>>;
export type Stage = Awaited<ReturnType<typeof setStage>>;

export interface StageOptions extends Program {
  /** `lasting`: it can be restarted, its data in a (slow) file. `distant`: 50 ms for each step. Default: in memory. */
  readonly kind?: 'lasting' | 'distant' | undefined;
  readonly temporal?: UserTemporal | undefined;
  /** Whether MongoDB is started even if MONGODB_URI names one. */
  readonly isolated?: boolean;
}

interface MeasuredWorkers {
  readonly module?: string;
  readonly nodeArguments?: readonly string[];
  /** Whether one that ends unasked is started again. By default the run ends then: what it measures would be something else. */
  readonly restarts?: true;
  readonly workflowsPath?: string;
  environmentOf?(name: ServiceName, servers: ServerStage): Promise<Record<string, string>>;
}

/** Sets the stage, on databases and, on a server of the user's, in a namespace of its own. @throws {ServersError} */
export async function setStage(options: StageOptions, measured: MeasuredWorkers = {}) {
  const { cleanUp, endAll } = createEnding();
  options.cleanUp(endAll);
  const servers = await setServers({ ...options, cleanUp });
  const { directory } = servers;
  const step = options.report.step('Starting the workers');
  const { module, nodeArguments, workflowsPath, environmentOf = async () => ({}) } = measured;
  const workflows = { orders: workflowsPath, inventory: undefined };
  const prepare = async (name: ServiceName) => ({
    ...{ name, module, nodeArguments, directory },
    environment: { ...servers.environment, ...(await environmentOf(name, servers)) },
    workflowBundle: await bundleWorkflows(name, directory, {}, workflows[name]),
  });
  const prepared = { orders: await prepare('orders'), inventory: await prepare('inventory') };
  const create = (worker: Awaited<ReturnType<typeof prepare>>) => {
    const onEnd = (how: string) => {
      if (measured.restarts) return true;
      const what = `The ${worker.name} worker ended unasked (${how}), so all is stopped`;
      void tail(created.log).then((end) => options.fail(new ServersError(`${what}.\n${end}`)));
      return false;
    };
    const created = createLaunchedWorker({ ...worker, onEnd });
    cleanUp(created.close);
    return created;
  };
  const workers = { orders: create(prepared.orders), inventory: create(prepared.inventory) };
  await workers.orders.start();
  await workers.inventory.start();
  step.done();
  /** Another worker of this service, without its ports and not started yet; it ends with the stage. */
  const addWorker = (name: ServiceName) => create({ ...prepared[name], environment: servers.environment });
  return { ...servers, workers, addWorker, end: endAll };
}

export async function setServers(options: StageOptions) {
  const { cleanUp, endAll } = createEnding();
  options.cleanUp(endAll);
  const supervisor = await createSupervisor(undefined, options.fail);
  cleanUp(() => endWithDescendants(supervisor));
  const directory = await mkdtemp(path.join(await realpath(tmpdir()), 'concord-measured-'));
  supervisor.removeAtEnd(directory);
  const run = `concord-measured-${randomUUID().slice(0, 8)}`;
  const part = { ...options, cleanUp, supervisor, directory, run };
  const temporal = options.temporal ? await useTemporal(options.temporal, part) : await ownTemporal(part);
  const mongodb = await findMongoDB(part);

  const mongo = createMongoClient(mongodb.uri, run);
  const databases = { orders: mongo.db(`${run}-orders`), inventory: mongo.db(`${run}-inventory`) };
  cleanUp(async () => {
    // Databases in a server of ours go with it, and it may be gone already.
    const left = mongodb.server === undefined ? Object.values(databases) : [];
    await Promise.all(left.map((database) => database.dropDatabase())).finally(() => mongo.close());
  });
  const environment = {
    ...temporal.environment,
    ORDERS_MONGODB_URI: mongodb.uri,
    INVENTORY_MONGODB_URI: mongodb.uri,
    ORDERS_DATABASE: databases.orders.databaseName,
    INVENTORY_DATABASE: databases.inventory.databaseName,
    LOG_LEVEL: 'warn',
    HEALTH_PORT: '',
    METRICS_PORT: '',
    // All is measured without it.
    ENCRYPTION_KEYS: '',
    ENCRYPTION_KEYS_FILE: '',
  };
  const { connection, namespace } = temporal;
  // Never closed: the SDK (1.24) throws if a call waits to be repeated on a connection that is closed.
  const concord = await Concord.connect({ connection, namespace });
  return {
    concord,
    client: concord.client,
    databases,
    environment,
    directory,
    /** The servers that were started for it; Temporal only if it is `lasting`. */
    ...defined({ temporal: temporal.server, mongodb: mongodb.server }),
    serverPids: () => supervisor.processes().map(({ identity }) => identity.pid),
    machine: `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    servers: { temporal: temporal.origin, mongodb: mongodb.origin },
    /** Ends all of it, and removes what it has left on servers of the user's. Idempotent. */
    end: endAll,
  };
}

/** A server that had to be killed leaves its own children behind. */
async function endWithDescendants(supervisor: Supervisor): Promise<void> {
  const pids = await withDescendants(supervisor.processes().map(({ identity }) => identity.pid));
  const { cleanUp, endAll } = createEnding();
  for (const identity of pids.map(identify)) {
    if (identity !== undefined) cleanUp(async () => void (await end(identity, 'SIGKILL')));
  }
  cleanUp(supervisor.stop);
  await endAll();
}

interface Part extends StageOptions {
  readonly supervisor: Supervisor;
  readonly directory: string;
  readonly run: string;
}

// How often its one shard looks for work in a second: the dev server's own default.
const LOOKS_OF_A_DISTANT_SERVER = { 'history.transferProcessorMaxPollRPS': 20 };

async function ownTemporal({ supervisor, report, kind, directory }: Part) {
  const options = { supervisor, report, directory: path.join(directory, 'temporal') };
  const namespace = 'default';
  const at = (address: string, origin: string, server?: ChaosServer) => {
    const environment = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
    return { connection: { address }, namespace, origin, server, environment };
  };
  if (kind === 'lasting') {
    const server = await startChaosTemporal(options);
    return at(server.address, 'its data in a file for its restart', server);
  }
  const limits = kind === 'distant' ? LOOKS_OF_A_DISTANT_SERVER : {};
  const { address } = await startTemporal({ ...options, limits, keepData: false });
  return at(address, `started for this run, in memory${kind === 'distant' ? ', 50 ms for each step' : ''}`);
}

async function useTemporal(given: UserTemporal, { report, cleanUp, run }: Part) {
  const { address, connection, source } = given;
  const step = report.step(`Registering a namespace at ${address}`);
  cleanUp(await openNamespace(run, connection));
  step.done();
  const environment = { ...given.environment, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: run };
  return { connection, namespace: run, origin: `${address}, from ${source}`, environment, server: undefined };
}

async function findMongoDB({ supervisor, directory, report, isolated }: Part) {
  const named = isolated ? undefined : await mongodbFromEnvironment();
  if (named !== undefined) return { ...named, server: undefined };
  const server = await startChaosMongoDB({ supervisor, report, directory: path.join(directory, 'mongodb') });
  const origin = `${server.processes().at(-1)?.name ?? 'a server'}, started for this run`;
  return { uri: `mongodb://${server.address}/?directConnection=true`, origin, server };
}
