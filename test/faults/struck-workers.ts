import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { inject, vi } from 'vitest';
import { createCoordinators } from '../../activities/coordinator.ts';
import type { ServiceDependencies } from '../../activities/dependencies.ts';
import { createServiceWorker } from '../../workers/create-worker.ts';
import { DEFAULT_LIMITS, type WorkerLimits } from '../../workers/limits.ts';
import { services } from '../../workers/services.ts';
import type { Platform } from '../support/platform.ts';
import type { Doom } from './doomed-worker.ts';
import type { FaultInjector, Plan } from './fault-injection.ts';

/** Workers of both services whose activities are struck. */
export async function startStruckWorkers(
  { address, namespace, databases }: Platform,
  faults: FaultInjector,
): Promise<AsyncDisposable> {
  const connection = await NativeConnection.connect({ address });
  const workers = await Promise.all(
    (['orders', 'inventory'] as const).map((name) =>
      createServiceWorker(name, {
        connection,
        namespace,
        database: faults.wrap(databases[name]),
        workflowBundle: { codePath: inject('workflowBundles')[name] },
        interceptors: [faults.interceptor],
        limits: ROOM_TO_HANG,
      }),
    ),
  );
  const runs = workers.map((worker) => worker.run());
  return {
    async [Symbol.asyncDispose]() {
      for (const worker of workers) worker.shutdown();
      await Promise.all(runs);
      await connection.close();
    },
  };
}

/**
 * What hangs keeps its slot, also when Temporal has given it up long ago; and hundreds of orders are under way at once, which
 * would otherwise push one another out of the cache, and be replayed again and again.
 */
const ROOM_TO_HANG: WorkerLimits = { ...DEFAULT_LIMITS, activities: 1_000, cachedWorkflows: 1_000 };

/** The same in a process that is made to be killed. */
export interface DoomedWorkers {
  readonly process: ChildProcess;
  /** Resolves when each of these subjects hangs there, or `isOver`. */
  untilHanging(subjects: readonly string[], isOver: (subject: string) => boolean): Promise<void>;
  kill(): Promise<void>;
}

export function startDoomedWorkers(
  { address, namespace, databases }: Platform,
  plans: readonly Plan[],
): DoomedWorkers {
  const doomed = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./doomed-worker.ts', import.meta.url))],
    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const hanging = new Set<unknown>();
  doomed.on('message', (subject) => hanging.add(subject));
  doomed.send({
    address,
    namespace,
    mongodbUri: inject('mongodbUri'),
    databases: { orders: databases.orders.databaseName, inventory: databases.inventory.databaseName },
    workflowBundles: inject('workflowBundles'),
    plans,
  } satisfies Doom);
  return {
    process: doomed,
    async untilHanging(subjects, isOver) {
      const isStruck = (subject: string) => hanging.has(subject) || isOver(subject);
      const missing = () => subjects.filter((subject) => !isStruck(subject));
      await vi
        .waitUntil(() => missing().length === 0 || doomed.exitCode !== null, { timeout: 120_000 })
        .catch(() => Promise.reject(new Error(`never came to where they hang: ${missing().join(', ')}`)));
      if (doomed.exitCode !== null)
        throw new Error(`the doomed worker ended by itself with ${doomed.exitCode}`);
    },
    async kill() {
      const exited = once(doomed, 'exit');
      doomed.kill('SIGKILL');
      await exited;
    },
  };
}

/** The activities that settle what was left behind; `recovery-points.test.ts` strikes them. */
export const RECOVERY = [
  'orders.inspect',
  'orders.findCoordinator',
  'inventory.inspect',
  'inventory.findOrphans',
];

/** The names of all activities that workers register. */
export function registered(): string[] {
  // What they depend on is only asked for its names.
  const dependencies = {
    database: { collection: () => ({}) },
    coordinators: createCoordinators({} as Client),
  } as unknown as ServiceDependencies;
  return Object.values(services).flatMap((service) => Object.keys(service.createActivities(dependencies)));
}
