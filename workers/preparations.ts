import { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import { describeLack, findSearchAttributes } from '../platform/display/register-search-attributes.ts';
import { createIndexes, waiting } from './connections.ts';
import type { ServiceWorkerOptions } from './create-worker.ts';
import { showSweepInterval } from './metrics.ts';
import { ensureSchedule } from './schedules.ts';
import type { Service } from './services.ts';
import type { WorkerSettings } from './settings.ts';

/** Prepares what the lists and sweeps of these services need. No order needs any of it, so no worker waits for it. */
export function prepareMeanwhile(
  chosen: readonly Service[],
  settings: WorkerSettings,
  options: Required<Pick<ServiceWorkerOptions, 'connection' | 'dataConverter' | 'meter'>>,
  logger: Logger,
  signal: AbortSignal,
): void {
  const { connection, dataConverter, meter } = options;
  const { namespace } = settings.temporal;
  const client = new Client({ connection, namespace, dataConverter });
  const inBackground = (work: Promise<unknown>, done: string) =>
    work.catch((error) => logger.debug({ err: error }, `ended before ${done}`));
  for (const service of chosen) {
    const schedule = service.schedule?.(settings);
    if (schedule !== undefined) {
      if (meter !== undefined) showSweepInterval(meter, schedule);
      const what = `the schedule ${schedule.id}`;
      const ensured = waiting(logger, signal)(what, () => ensureSchedule(client, schedule));
      inBackground(ensured, `${what} was there`);
    }
    if (service.indexes !== undefined) {
      const rarely = waiting(logger, signal, LONGEST_PAUSE);
      const created = rarely(`an index of ${service.name}`, () => createIndexes(service, settings));
      inBackground(created, `the indexes of ${service.name} were there`);
    }
    if (service.name === 'orders')
      inBackground(tellLack(connection, namespace, logger), 'the search attributes were read');
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
