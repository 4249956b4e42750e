import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type ActivityInboundCallsInterceptor,
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import type { Db } from 'mongodb';
import { inject } from 'vitest';
import type { InventoryCollections } from '../../activities/inventory/documents.ts';
import type { OrderDocument } from '../../activities/orders/participant.ts';
import { Concord } from '../../client/concord.ts';
import { dataConverterOf } from '../../platform/encryption/data-converter.ts';
import type { EncryptionKeys } from '../../platform/encryption/keys.ts';
import { silentReport } from '../../tools/servers/report.ts';
import { createSupervisor } from '../../tools/servers/supervisor.ts';
import { startTemporal } from '../../tools/servers/temporal.ts';
import { activitiesOf, createServiceWorker, type ServiceWorkerOptions } from '../../workers/create-worker.ts';
import { activityInterceptors } from '../../workers/interceptors.ts';
import { type ServiceName, services } from '../../workers/services.ts';
import type { Subscription } from '../../workers/subscriptions.ts';
import { openDatabase, type TestDatabase } from './database.ts';
import { collectionsOf } from './inventory.ts';

// What workers log in a test is what the test makes them do; only surprises should be seen.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
});

/** What a worker hosts: everything, or only one half, so that a service can be down while its workflows go on. */
export type Part = 'everything' | 'workflows' | 'activities';

/** Workers of both services, on databases of their own, against some Temporal server. */
export interface Workers extends AsyncDisposable {
  readonly databases: Readonly<Record<ServiceName, Db>>;
  readonly inventory: InventoryCollections;
  readonly orders: ReturnType<typeof ordersOf>;
  /** Starts that worker, unless it runs. */
  start(name: ServiceName, part?: Part): Promise<void>;
  /** Makes every activity of a service fail until it is repaired, as if its database were down. */
  breakDown(name: ServiceName): void;
  repair(name: ServiceName): void;
  /** Ends that worker gracefully, if it runs. */
  stop(name: ServiceName, part?: Part): Promise<void>;
}

/** A Temporal server of its own, and workers. */
export interface Platform extends Workers {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string;
  readonly concord: Concord;
}

/** Keys, and the workflow code that goes with them. */
export interface Encryption {
  readonly keys: EncryptionKeys;
  /** Bundled with a data converter that encrypts. */
  readonly workflowBundles: Readonly<Record<ServiceName, string>>;
}

export interface PlatformOptions {
  readonly limits?: Readonly<Record<string, number>>;
  readonly encryption?: Encryption;
}

/**
 * Starts everything: nothing is shared with other test files but the MongoDB server.
 *
 * @param databases Those of another platform, to meet its data with a Temporal server that knows nothing of it.
 * @param subscriptions Who reacts to which events; by default, whom the workers' own table names.
 * @param options `limits`: settings of the Temporal server's own, as `startTemporal` takes them; `encryption`: what workers
 *   and the client encrypt with; by default they don't.
 */
export async function startPlatform(
  databases?: Workers['databases'],
  subscriptions?: readonly Subscription[],
  { limits = {}, encryption }: PlatformOptions = {},
): Promise<Platform> {
  const supervisor = await createSupervisor(undefined, ({ message }) => console.error(message));
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  supervisor.removeAtEnd(directory);
  const usual = { supervisor, directory, keepData: false, report: silentReport };
  const temporal = await startTemporal({ ...usual, limits });
  const { address, namespace, uiUrl } = temporal;
  const connection = await NativeConnection.connect({ address });
  const encryptionKeys = encryption?.keys;
  const concord = await Concord.connect({ connection: { address }, namespace, encryptionKeys });
  const workers = await createWorkers(connection, namespace, databases, subscriptions, encryption);
  await workers.start('orders');
  await workers.start('inventory');
  return {
    ...workers,
    address,
    namespace,
    uiUrl,
    concord,
    async [Symbol.asyncDispose]() {
      await workers[Symbol.asyncDispose]();
      await concord.close();
      await connection.close();
      await supervisor.stop();
    },
  };
}

/** None of them runs yet. */
export async function createWorkers(
  connection: NativeConnection,
  namespace: string,
  given?: Workers['databases'],
  subscriptions?: readonly Subscription[],
  encryption?: Encryption,
): Promise<Workers> {
  const opened: TestDatabase[] = [];
  const open = async () => {
    const testDatabase = await openDatabase();
    opened.push(testDatabase);
    return testDatabase.database;
  };
  const databases = given ?? { orders: await open(), inventory: await open() };
  const broken = new Set<ServiceName>();
  const running = new Map<string, { worker: Worker; ended: Promise<void> }>();

  const stop = async (key: string) => {
    const found = running.get(key);
    if (found === undefined) return;
    running.delete(key);
    found.worker.shutdown();
    await found.ended;
  };

  return {
    databases,
    inventory: collectionsOf(databases.inventory),
    orders: ordersOf(databases.orders),
    async start(name, part = 'everything') {
      if (running.has(`${name}/${part}`)) return;
      const worker = await createPart(name, part, {
        connection,
        namespace,
        database: databases[name],
        dataConverter: dataConverterOf(encryption?.keys),
        workflowBundle: { codePath: (encryption?.workflowBundles ?? inject('workflowBundles'))[name] },
        interceptors: [() => ({ inbound: failingWhile(() => broken.has(name)) })],
        ...(subscriptions === undefined ? {} : { subscriptions }),
      });
      running.set(`${name}/${part}`, { worker, ended: worker.run() });
    },
    breakDown: (name) => void broken.add(name),
    repair: (name) => void broken.delete(name),
    stop: (name, part = 'everything') => stop(`${name}/${part}`),
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.keys()].map(stop));
      await Promise.all(opened.map((database) => database[Symbol.asyncDispose]()));
    },
  };
}

function createPart(name: ServiceName, part: Part, options: ServiceWorkerOptions): Promise<Worker> {
  const { connection, namespace, workflowBundle, interceptors, dataConverter = {} } = options;
  const common = { connection, namespace, dataConverter, taskQueue: name };
  if (part === 'activities')
    return Worker.create({
      ...common,
      activities: activitiesOf(services[name], options),
      interceptors: { activity: [activityInterceptors, ...(interceptors ?? [])] },
    });
  if (part === 'everything' || workflowBundle === undefined) return createServiceWorker(name, options);
  return Worker.create({ ...common, workflowBundle });
}

function failingWhile(isBroken: () => boolean): ActivityInboundCallsInterceptor {
  return {
    async execute(input, next) {
      if (isBroken()) throw new Error('the database is down');
      return next(input);
    },
  };
}

function ordersOf(database: Db) {
  return database.collection<OrderDocument>('orders');
}
