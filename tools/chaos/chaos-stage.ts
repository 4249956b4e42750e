import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '../../workers/services.ts';
import type { Program } from '../measure/program.ts';
import { type ServerStage, type Stage, setStage } from '../measure/stage.ts';
import type { ChaosServer } from '../servers/lasting-server.ts';
import { signal } from '../servers/processes.ts';
import type { FaultSettings } from './activity-faults.ts';
import { type Link, openLink } from './link.ts';

/** A way to a server that goes through a proxy, and so can be disturbed. */
export const linkNames = [
  'orders-temporal',
  'orders-mongodb',
  'inventory-temporal',
  'inventory-mongodb',
  'clients-temporal',
] as const;
export type LinkName = (typeof linkNames)[number];

/** Everything that a run is about: servers, workers, and the ways between them. */
export interface ChaosStage extends Stage {
  readonly temporal: ChaosServer;
  readonly mongodb: ChaosServer;
  readonly links: Readonly<Record<LinkName, Link>>;
  /** What the workers' activities met. */
  readonly faultLog: string;
  /** Makes a worker's clock wrong by so many milliseconds. */
  setClock(name: ServiceName, offset: number): void;
}

/** So short that the reaper meets living orders, which it must leave alone. Seconds. */
export const REAPER = { interval: 10, holdLimit: 3 } as const;

/**
 * Sets the stage: servers of its own, whatever the environment names.
 *
 * @throws {ServersError} where a server can't be started
 */
export async function setChaosStage(
  program: Program,
  faults: Pick<FaultSettings, 'seed' | 'rates'>,
): Promise<ChaosStage> {
  const links: Partial<Record<LinkName, Link>> = {};
  const open = async (name: LinkName, server: string) => {
    const link = await openLink(server);
    links[name] = link;
    program.cleanUp(async () => link.close());
    return link.address;
  };
  const faultLogIn = (directory: string) => path.join(directory, 'activity-faults.jsonl');
  const clockIn = (directory: string, name: ServiceName) => path.join(directory, `${name}-clock`);
  const environmentOf = async (name: ServiceName, servers: ServerStage) => {
    const { temporal, mongodb, directory } = serversOf(servers);
    const uri = `mongodb://${await open(`${name}-mongodb`, mongodb.address)}/?directConnection=true`;
    const files = { clockFile: clockIn(directory, name), faultLog: faultLogIn(directory) };
    const settings: FaultSettings = { ...faults, ...files };
    return {
      TEMPORAL_ADDRESS: await open(`${name}-temporal`, temporal.address),
      ORDERS_MONGODB_URI: uri,
      INVENTORY_MONGODB_URI: uri,
      REAPER_INTERVAL_SECONDS: String(REAPER.interval),
      REAPER_HOLD_LIMIT_SECONDS: String(REAPER.holdLimit),
      LOG_LEVEL: 'info',
      CHAOS_SETTINGS: JSON.stringify(settings),
    };
  };
  const module = fileURLToPath(new URL('faulty-worker.ts', import.meta.url));
  const options = { ...program, kind: 'lasting', isolated: true } as const;
  const stage = serversOf(await setStage(options, { module, environmentOf }));
  await open('clients-temporal', stage.temporal.address);
  return {
    ...stage,
    links: links as ChaosStage['links'],
    faultLog: faultLogIn(stage.directory),
    setClock(name, offset) {
      writeFileSync(clockIn(stage.directory, name), String(offset));
      const pid = stage.workers[name].pid();
      if (pid !== undefined) signal(pid, 'SIGUSR2');
    },
  };
}

/** Both are started here, so that both are there. */
function serversOf<Servers extends ServerStage>(
  servers: Servers,
): Servers & Pick<ChaosStage, 'temporal' | 'mongodb'> {
  return servers as Servers & Pick<ChaosStage, 'temporal' | 'mongodb'>;
}
