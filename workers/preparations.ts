import { Client } from '@temporalio/client';
import type { DataConverter, MetricMeter } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import { describeLack, findSearchAttributes } from '../platform/display/register-search-attributes.ts';
import { createIndexes } from './connections.ts';
import { showSweepInterval } from './metrics.ts';
import { ensureSchedule } from './schedules.ts';
import type { Service } from './services.ts';
import type { DatabaseSettings, WorkerSettings } from './settings.ts';
import { waiting } from './waiting.ts';

interface Surroundings {
  readonly connection: NativeConnection;
  readonly dataConverter: DataConverter;
  readonly meter: MetricMeter | undefined;
  readonly logger: Logger;
  /** When to give up. */
  readonly signal: AbortSignal;
}

/** Prepares what the lists and sweeps of these services need. No order needs any of it, so no worker waits for it. */
export function prepareMeanwhile(
  chosen: readonly Service[],
  settings: WorkerSettings,
  { connection, dataConverter, meter, logger, signal }: Surroundings,
): void {
  const { namespace } = settings.temporal;
  const client = new Client({ connection, namespace, dataConverter });
  const often = waiting(logger, signal);
  const rarely = waiting(logger, signal, LONGEST_PAUSE);
  const inBackground = (what: string, work: Promise<unknown>) =>
    work.catch((error) => logger.debug({ err: error }, `ended before ${what}`));
  for (const service of chosen) {
    const { name, indexes } = service;
    const schedule = service.schedule?.(settings);
    if (schedule !== undefined) {
      if (meter !== undefined) showSweepInterval(meter, schedule);
      const what = `the schedule ${schedule.id}`;
      inBackground(
        `${what} was there`,
        often(what, () => ensureSchedule(client, schedule)),
      );
    }
    if (indexes !== undefined) {
      const create = () => createIndexes(service, settings.databases[name] as DatabaseSettings);
      inBackground(`the indexes of ${name} were there`, rarely(`an index of ${name}`, create));
    }
    if (name === 'orders')
      inBackground('the search attributes were read', tellLack(connection, namespace, logger));
  }
}

// Between two attempts at an index, which may need somebody's hand. Milliseconds.
const LONGEST_PAUSE = 10 * 60_000;

/** Orders do without the search attributes that the namespace lacks. */
async function tellLack(connection: NativeConnection, namespace: string, logger: Logger): Promise<void> {
  const lack = describeLack(await findSearchAttributes(connection, namespace));
  const message = "lists can't ask for orders by some search attributes; run `concord doctor --fix`";
  if (lack !== '') logger.warn({ reason: lack }, message);
}
