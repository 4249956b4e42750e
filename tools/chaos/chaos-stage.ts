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

export const linkNames = [
  'orders-temporal',
  'orders-mongodb',
  'inventory-temporal',
  'inventory-mongodb',
  'clients-temporal',
] as const;
export type LinkName = (typeof linkNames)[number];

/** Both are started for the run, so that both are there. */
type OwnServers = ServerStage & { readonly temporal: ChaosServer; readonly mongodb: ChaosServer };

export type ChaosStage = Awaited<ReturnType<typeof setChaosStage>>;

/** Seconds: so short that the reaper meets living orders, which it must leave alone. */
export const REAPER = { interval: 10, holdLimit: 3 } as const;

/** Sets the stage on servers of its own, whatever the environment names. @throws {ServersError} */
export async function setChaosStage(program: Program, faults: Pick<FaultSettings, 'seed' | 'rates'>) {
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
    const { temporal, mongodb, directory } = servers as OwnServers;
    const uri = `mongodb://${await open(`${name}-mongodb`, mongodb.address)}/?directConnection=true`;
    const files = { clockFile: clockIn(directory, name), faultLog: faultLogIn(directory) };
    return {
      TEMPORAL_ADDRESS: await open(`${name}-temporal`, temporal.address),
      ORDERS_MONGODB_URI: uri,
      INVENTORY_MONGODB_URI: uri,
      REAPER_INTERVAL_SECONDS: String(REAPER.interval),
      REAPER_HOLD_LIMIT_SECONDS: String(REAPER.holdLimit),
      LOG_LEVEL: 'info',
      CHAOS_SETTINGS: JSON.stringify({ ...faults, ...files } satisfies FaultSettings),
    };
  };
  const module = fileURLToPath(new URL('faulty-worker.ts', import.meta.url));
  const options = { ...program, kind: 'lasting', isolated: true } as const;
  const stage = (await setStage(options, { module, environmentOf, restarts: true })) as Stage & OwnServers;
  await open('clients-temporal', stage.temporal.address);
  return {
    ...stage,
    links: links as Readonly<Record<LinkName, Link>>,
    faultLog: faultLogIn(stage.directory),
    /** Makes a worker's clock wrong by so many milliseconds. */
    setClock(name: ServiceName, offset: number) {
      writeFileSync(clockIn(stage.directory, name), String(offset));
      const pid = stage.workers[name].pid();
      if (pid !== undefined) signal(pid, 'SIGUSR2');
    },
  };
}
