import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { identify } from '../../client/cli/running-start.ts';
import { bundleWorkflows } from '../../workers/bundle.ts';
import type { ServiceName } from '../../workers/services.ts';
import { type ChaosServer, startChaosMongoDB, startChaosTemporal } from '../servers/lasting-server.ts';
import { withDescendants } from '../servers/pause.ts';
import { end } from '../servers/processes.ts';
import type { Report } from '../servers/report.ts';
import { createSupervisor, type Supervisor } from '../servers/supervisor.ts';
import { type ChaosWorker, startChaosWorker } from './chaos-worker.ts';
import type { LinkName } from './fault-plan.ts';
import { type Link, openLink } from './link.ts';
import { type ActivityFaultRates, chaosEnvironment } from './worker-settings.ts';

/** Everything that a run is about: servers, workers, and the ways between them. */
export interface Stage {
  readonly temporal: ChaosServer;
  readonly mongodb: ChaosServer;
  readonly workers: Readonly<Record<ServiceName, ChaosWorker>>;
  readonly links: Readonly<Record<LinkName, Link>>;
  /** What the workers' activities met. */
  readonly faultLog: string;
}

/** So short that the reaper meets living orders, which it must leave alone. Seconds. */
export const REAPER = { interval: 10, holdLimit: 3 } as const;

/**
 * Sets the stage: servers on loopback, their data thrown away at the end, and a worker for each service.
 *
 * @param cleanUp Gets what ends it again; called even where it could not be set in full.
 * @throws {ServersError} where a server can't be started
 */
export async function setStage(options: {
  seed: string;
  rates: ActivityFaultRates;
  report: Report;
  cleanUp: (end: () => Promise<void>) => void;
}): Promise<Stage> {
  const { seed, rates, report, cleanUp } = options;
  const supervisor = await createSupervisor();
  const stopping = new AbortController();
  cleanUp(async () => {
    stopping.abort();
    await endWithDescendants(supervisor);
  });
  const directory = await mkdtemp(path.join(await realpath(tmpdir()), 'concord-chaos-'));
  supervisor.removeAtEnd(directory);

  const { temporal, mongodb } = await startServers(supervisor, directory, report);
  const links = await openLinks(temporal, mongodb);
  cleanUp(async () => {
    for (const link of Object.values(links)) link.close();
  });
  const faultLog = path.join(directory, 'activity-faults.jsonl');
  const start = async (name: ServiceName) => {
    const clockFile = path.join(directory, `${name}-clock`);
    const workflowBundle = await bundleWorkflows(name, directory);
    const environment = {
      ...workerEnvironment(name, links),
      ...chaosEnvironment({ seed, rates, clockFile, faultLog, workflowBundle }),
    };
    const { signal } = stopping;
    return startChaosWorker({ name, supervisor, directory, environment, clockFile, stopping: signal });
  };
  const step = report.step('Starting the workers');
  const workers = { orders: await start('orders'), inventory: await start('inventory') };
  step.done();
  return { temporal, mongodb, workers, links, faultLog };
}

/** A server that had to be killed leaves its own children behind. */
async function endWithDescendants(supervisor: Supervisor): Promise<void> {
  const pids = await withDescendants(supervisor.processes().map(({ identity }) => identity.pid));
  const identities = pids.map(identify);
  await supervisor.stop();
  for (const identity of identities) if (identity !== undefined) await end(identity, 'SIGKILL');
}

async function startServers(
  supervisor: Supervisor,
  directory: string,
  report: Report,
): Promise<Pick<Stage, 'temporal' | 'mongodb'>> {
  const temporal = await startChaosTemporal({
    supervisor,
    directory: path.join(directory, 'temporal'),
    report,
  });
  const mongodb = await startChaosMongoDB({
    supervisor,
    directory: path.join(directory, 'mongodb'),
    report,
  });
  return { temporal, mongodb };
}

async function openLinks(temporal: ChaosServer, mongodb: ChaosServer): Promise<Record<LinkName, Link>> {
  return {
    'orders-temporal': await openLink(temporal.address),
    'orders-mongodb': await openLink(mongodb.address),
    'inventory-temporal': await openLink(temporal.address),
    'inventory-mongodb': await openLink(mongodb.address),
    'clients-temporal': await openLink(temporal.address),
  };
}

/** Everything is set, so that nothing of the user's own environment reaches the workers. */
function workerEnvironment(name: ServiceName, links: Record<LinkName, Link>): Record<string, string> {
  const mongodb = `mongodb://${links[`${name}-mongodb`].address}/?directConnection=true`;
  return {
    TEMPORAL_ADDRESS: links[`${name}-temporal`].address,
    TEMPORAL_NAMESPACE: 'default',
    ORDERS_MONGODB_URI: mongodb,
    INVENTORY_MONGODB_URI: mongodb,
    ORDERS_DATABASE: 'orders',
    INVENTORY_DATABASE: 'inventory',
    REAPER_INTERVAL_SECONDS: String(REAPER.interval),
    REAPER_HOLD_LIMIT_SECONDS: String(REAPER.holdLimit),
    LOG_LEVEL: 'info',
    HEALTH_PORT: '',
    ENCRYPTION_KEYS: '',
    ENCRYPTION_KEYS_FILE: '',
  };
}
