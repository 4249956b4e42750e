import { Context } from '@temporalio/activity';
import proto from '@temporalio/proto';
import { NativeConnection } from '@temporalio/worker';
import pMap from 'p-map';
import { expect, inject, vi } from 'vitest';
import { createServiceWorker } from '../../workers/create-worker.ts';
import type { WorkerLimits } from '../../workers/limits.ts';
import type { ServiceName } from '../../workers/services.ts';
import { createGate } from './gate.ts';
import type { Platform } from './platform.ts';

/** A step that a worker has begun, and the id of its workflow. */
export interface Begun {
  readonly step: string;
  readonly of: string;
}

const SMALL: WorkerLimits = { activities: 2, workflowTasks: 10, cachedWorkflows: 100, pollers: 2 };

/**
 * Workers in place of the platform's own that do two things at a time, and nothing until they are released: then only
 * the order in which they get what waits is seen, however quick they are.
 */
export async function holdWorkers({ address, databases, stop, concord }: Platform) {
  const gate = createGate();
  const begun: Begun[] = [];
  const connection = await NativeConnection.connect({ address });
  const host = async (name: ServiceName) => {
    await stop(name);
    const worker = await createServiceWorker(name, {
      connection,
      namespace: 'default',
      database: databases[name],
      workflowBundle: { codePath: inject('workflowBundles')[name] },
      limits: SMALL,
      interceptors: [
        () => ({
          inbound: {
            async execute(input, next) {
              await gate.opened;
              const { activityType, workflowExecution } = Context.current().info;
              begun.push({ step: activityType, of: workflowExecution?.workflowId ?? '' });
              return next(input);
            },
          },
        }),
      ],
    });
    return { worker, ended: worker.run() };
  };
  const hosted = await Promise.all([host('orders'), host('inventory')]);
  return {
    /** In order. */
    begun: begun as readonly Begun[],
    release: gate.open,
    /** Waits until about so many steps of the order service wait for a worker. */
    async untilWaiting(count: number): Promise<void> {
      const question = {
        namespace: 'default',
        taskQueue: { name: 'orders' },
        taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        reportStats: true,
      };
      await vi.waitFor(
        async () => {
          const { stats } = await concord.client.workflowService.describeTaskQueue(question);
          expect(Number(stats?.approximateBacklogCount ?? 0)).toBeGreaterThanOrEqual(count);
        },
        { timeout: 120_000, interval: 200 },
      );
    },
    async [Symbol.asyncDispose]() {
      gate.open();
      for (const { worker } of hosted) worker.shutdown();
      await Promise.all(hosted.map(({ ended }) => ended));
      await connection.close();
    },
  };
}

/** Places so many orders of a customer, without waiting for what becomes of them. */
export async function placeOrders({ concord }: Platform, customerId: string, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `${customerId}-${index}`);
  const lines = [{ sku: 'TEA', quantity: 1 }];
  await pMap(ids, (orderId) => concord.place({ orderId, customerId, lines }, { wait: 'accepted' }), {
    concurrency: 50,
  });
}
