import { randomUUID } from 'node:crypto';
import { mkdtemp, realpath } from 'node:fs/promises';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import type { ConnectionOptions } from '@temporalio/client';
import { createMongoClient } from '../../activities/mongodb/client.ts';
import { Concord } from '../../client/concord.ts';
import { builtBundle, bundleWorkflows } from '../../workers/bundle.ts';
import type { ServiceName } from '../../workers/services.ts';
import { startChaosMongoDB, startChaosTemporal } from '../servers/lasting-server.ts';
import { mongodbFromEnvironment } from '../servers/mongodb.ts';
import type { Report } from '../servers/report.ts';
import { createSupervisor, type Supervisor } from '../servers/supervisor.ts';
import { startTemporal } from '../servers/temporal.ts';
import { type CompareWorker, createCompareWorker, type WorkerProgram } from './measured-worker-process.ts';
import { openNamespace } from './namespace.ts';
import type { Sources } from './state.ts';

/** Servers, a worker process for each service, and ways to look at all of it. */
export interface Stage extends Sources {
  /** Ends all of it, and removes what it has left on servers of the user's. Idempotent. */
  end(): Promise<void>;
  readonly concord: Concord;
  readonly workers: Readonly<Record<ServiceName, CompareWorker>>;
  /** Another worker of this service, not started yet; it ends with the stage. */
  addWorker(name: ServiceName): CompareWorker;
  /** The processes of the servers that were started for it, in order of start; none of the user's own. */
  serverPids(): readonly number[];
  /** Restarts Temporal, whose data survives it; absent where that was not asked for, or the server is the user's own. */
  readonly restartTemporal?: () => Promise<void>;
  /** What the figures were measured on, in one line each. */
  readonly machine: string;
  readonly servers: { readonly temporal: string; readonly mongodb: string };
}

/** A Temporal server of the user's. */
export interface UserTemporal {
  readonly address: string;
  readonly connection: ConnectionOptions;
  /** What named it, such as `TEMPORAL_ADDRESS`. */
  readonly source: string;
  /** What else a worker needs to reach it, by the names of Temporal's environment configuration. */
  readonly environment: Readonly<Record<string, string>>;
}

interface Options {
  readonly report: Report;
  /** Gets what ends the stage, before there is any of it. */
  readonly cleanUp: (end: () => Promise<void>) => void;
  /** Whether Temporal keeps its data in a file, which makes it restartable, and slow. */
  readonly restartable: boolean;
  /** Whether the Temporal that is started, where it isn't restartable, takes 50 ms for each step, as one that is far away. */
  readonly distant?: boolean;
  /** Default: one that is started for the comparison. */
  readonly temporal?: UserTemporal;
  /** Default: the services' workers as they are. */
  readonly workers?: MeasuredWorkers;
}

/** Workers that host more than the services' own, for a measurement. */
export interface MeasuredWorkers {
  readonly program: WorkerProgram;
  /** Further settings of each. */
  readonly environment?: Readonly<Record<ServiceName, Readonly<Record<string, string>>>>;
  /** Their workflow code, as a file in this directory. */
  bundle(name: ServiceName, directory: string): Promise<string>;
}

/**
 * Sets the stage, on databases and, on a server of the user's, in a namespace of its own.
 *
 * @throws {ServersError} where a server or a worker can't be started
 */
export async function setStage({ temporal: given, workers: measured, ...options }: Options): Promise<Stage> {
  const { report, restartable, distant = false } = options;
  const ends: (() => Promise<void>)[] = [];
  const cleanUp = (end: () => Promise<void>) => void ends.push(end);
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= endInTurn(ends);
    return ending;
  };
  options.cleanUp(end);

  const supervisor = await createSupervisor();
  cleanUp(supervisor.stop);
  const directory = await mkdtemp(path.join(await realpath(tmpdir()), 'concord-compare-'));
  supervisor.removeAtEnd(directory);
  const run = randomUUID().slice(0, 8);
  const part = { supervisor, report, cleanUp, restartable, distant, directory };
  const temporal = given ? await useTemporal(given, run, part) : await embedTemporal(part);
  const mongodb = await findMongoDB(part);

  const mongo = createMongoClient(mongodb.uri, 'concord-compare');
  const databases = {
    orders: mongo.db(`concord_compare_${run}_orders`),
    inventory: mongo.db(`concord_compare_${run}_inventory`),
  };
  cleanUp(async () => {
    for (const database of Object.values(databases)) await database.dropDatabase();
    await mongo.close();
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
    // The strategies are compared without it.
    ENCRYPTION_KEYS: '',
    ENCRYPTION_KEYS_FILE: '',
  };
  const step = report.step('Starting the workers');
  const bundle =
    measured?.bundle ??
    (async (name: ServiceName) => builtBundle(name) ?? (await bundleWorkflows(name, directory)));
  const bundles = {
    orders: await bundle('orders', directory),
    inventory: await bundle('inventory', directory),
  };
  const addWorker = (name: ServiceName, further: Readonly<Record<string, string>> = {}) => {
    const own = { ...environment, ...further };
    const program = measured === undefined ? {} : { program: measured.program };
    const worker = createCompareWorker({
      ...{ name, environment: own, workflowBundle: bundles[name], directory },
      ...program,
    });
    cleanUp(worker.kill);
    return worker;
  };
  const start = async (name: ServiceName) => {
    const worker = addWorker(name, measured?.environment?.[name]);
    await worker.start();
    return worker;
  };
  const workers = { orders: await start('orders'), inventory: await start('inventory') };
  step.done();

  const { connection, namespace, restart } = temporal;
  // Never closed: the SDK (1.24) throws where a call waits to be repeated on a connection that is closed.
  const concord = await Concord.connect({ connection, namespace });
  return {
    ...{ concord, client: concord.client, databases, workers, end },
    addWorker: (name) => addWorker(name),
    serverPids: () => supervisor.processes().map(({ identity }) => identity.pid),
    ...(restart === undefined ? {} : { restartTemporal: restart }),
    machine: `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    servers: { temporal: temporal.origin, mongodb: mongodb.origin },
  };
}

/** Last begun, first ended. */
async function endInTurn(ends: (() => Promise<void>)[]): Promise<void> {
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
}

interface Part extends Pick<Options, 'report' | 'cleanUp' | 'restartable'> {
  readonly distant: boolean;
  readonly supervisor: Supervisor;
  readonly directory: string;
}

interface Temporal {
  readonly connection: ConnectionOptions;
  readonly namespace: string;
  readonly origin: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly restart?: () => Promise<void>;
}

async function embedTemporal({
  supervisor,
  report,
  restartable,
  distant,
  directory,
}: Part): Promise<Temporal> {
  const options = { supervisor, report, directory: path.join(directory, 'temporal') };
  const limits = distant ? LOOKS_OF_A_DISTANT_SERVER : {};
  const server = restartable
    ? await startChaosTemporal(options)
    : await startTemporal({ ...options, limits, keepData: false });
  const inMemory = `started for this run, in memory${distant ? ', 50 ms for each step' : ''}`;
  const namespace = 'default';
  return {
    connection: { address: server.address },
    namespace,
    origin: restartable ? 'its data in a file for its restart' : inMemory,
    environment: { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: namespace },
    ...('restart' in server ? { restart: server.restart } : {}),
  };
}

// Its one shard looks for work so many times a second, once it is busy: the dev server's own default.
const LOOKS_OF_A_DISTANT_SERVER = { 'history.transferProcessorMaxPollRPS': 20 };

async function useTemporal(given: UserTemporal, run: string, { report, cleanUp }: Part): Promise<Temporal> {
  const { address, connection, source, environment } = given;
  const step = report.step(`Registering a namespace at ${address}`);
  const { name, remove } = await openNamespace(`concord-compare-${run}`, connection);
  cleanUp(remove);
  step.done();
  return {
    connection,
    namespace: name,
    origin: `${address}, from ${source}`,
    environment: { ...environment, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: name },
  };
}

async function findMongoDB({
  supervisor,
  directory,
  report,
}: Part): Promise<{ uri: string; origin: string }> {
  const named = await mongodbFromEnvironment();
  if (named !== undefined) return named;
  const server = await startChaosMongoDB({
    ...{ supervisor, report },
    directory: path.join(directory, 'mongodb'),
  });
  return {
    uri: `mongodb://${server.address}/?directConnection=true`,
    origin: `${server.processes().at(-1)?.name ?? 'a server'}, started for this run`,
  };
}
