import getPort from 'get-port';
import { moduleFile } from '../../../platform/compiled.ts';
import { bundleWorkflows } from '../../../workers/bundle.ts';
import { services } from '../../../workers/services.ts';
import { type Stage, setStage, type UserTemporal } from '../../measure/stage.ts';
import type { Report } from '../../servers/report.ts';

/** Workers that host what they are measured against, too, and show what they do. */
export interface EngineStage extends Stage {
  /** Where each worker's metrics are. */
  readonly metrics: readonly string[];
}

interface Options {
  readonly report: Report;
  readonly cleanUp: (end: () => Promise<void>) => void;
  readonly temporal?: UserTemporal;
  /** Whether the Temporal that is started takes 50 ms for each step. */
  readonly distant: boolean;
  /** The directory that gets a processor profile of each worker. */
  readonly profile?: string;
}

/** @throws {ServersError} where a server or a worker can't be started */
export async function setEngineStage({ profile, ...options }: Options): Promise<EngineStage> {
  const ports = { orders: await getPort(), inventory: await getPort() };
  const stage = await setStage({
    ...options,
    restartable: false,
    workers: {
      program: {
        module: moduleFile('engine-worker', import.meta.url),
        nodeArguments: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
      },
      environment: {
        orders: { METRICS_PORT: String(ports.orders) },
        inventory: { METRICS_PORT: String(ports.inventory) },
      },
      bundle: (name, directory) => bundleWorkflows(name, directory, {}, workflows[name]),
    },
  });
  // A profile is written by a process that ends in good order.
  if (profile !== undefined) {
    options.cleanUp(async () => {
      await Promise.all([stage.workers.orders.stop(), stage.workers.inventory.stop()]);
    });
  }
  return { ...stage, metrics: Object.values(ports).map((port) => `http://127.0.0.1:${port}/metrics`) };
}

const workflows = {
  orders: moduleFile('workflows/orders', import.meta.url),
  inventory: services.inventory.workflowsPath,
} as const;
