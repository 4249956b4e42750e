import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import { createServiceWorker } from '../../../workers/create-worker.ts';
import { DEFAULT_LIMITS } from '../../../workers/limits.ts';
import type { ServiceName } from '../../../workers/services.ts';
import { FaultInjector, type Plan } from './fault-injection.ts';

// Both workers in a process that is made to be killed: it tells its parent which attempts hang.

Runtime.install({ logger: new DefaultLogger('ERROR') });

/** What the parent sends, once. */
export interface Doom {
  readonly address: string;
  readonly namespace: string;
  readonly mongodbUri: string;
  readonly databases: Readonly<Record<ServiceName, string>>;
  readonly workflowBundles: Readonly<Record<ServiceName, string>>;
  readonly plans: readonly Plan[];
}

process.once('message', async (message) => {
  const { address, namespace, mongodbUri, databases, workflowBundles, plans } = message as Doom;
  const faults = new FaultInjector(plans, (subject) => process.send?.(subject), { isRelentless: true });
  const connection = await NativeConnection.connect({ address });
  const mongo = createMongoClient(mongodbUri, 'concord-doomed');
  const workers = (['orders', 'inventory'] as const).map((name) =>
    createServiceWorker(name, {
      connection,
      namespace,
      database: faults.wrap(mongo.db(databases[name])),
      workflowBundle: { codePath: workflowBundles[name] },
      interceptors: [faults.interceptor],
      // What hangs keeps its slot, also when Temporal has given it up long ago.
      limits: { ...DEFAULT_LIMITS, activities: 1_000 },
    }),
  );
  for (const worker of await Promise.all(workers)) void worker.run();
});

// However the parent ends, nothing is left behind.
process.once('disconnect', () => process.exit());
