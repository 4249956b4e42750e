import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import getPort from 'get-port';
import { inject } from 'vitest';
import type { ServiceName } from '../../../workers/services.ts';
import type { Platform } from '../../support/platform.ts';

/** A worker process, and what can be seen of it from outside. */
export interface ObservedWorker {
  /** Its log lines. */
  logs(): Record<string, unknown>[];
  /** What Prometheus would scrape. */
  scrape(): Promise<string>;
  /** Ends it by SIGTERM, and tells how it ended and after how many milliseconds. */
  stop(): Promise<{ readonly exitCode: number | undefined; readonly took: number }>;
}

export async function startObserved(
  name: ServiceName,
  platform: Platform,
  environment: Readonly<Record<string, string>>,
): Promise<ObservedWorker> {
  const port = await getPort();
  const script = fileURLToPath(new URL('./observed-worker.ts', import.meta.url));
  const child = execa(process.execPath, ['--import', 'tsx', script, name, inject('workflowBundles')[name]], {
    reject: false,
    env: {
      ...temporalOf(platform),
      MONGODB_URI: inject('mongodbUri'),
      ORDERS_DATABASE: platform.databases.orders.databaseName,
      INVENTORY_DATABASE: platform.databases.inventory.databaseName,
      LOG_LEVEL: 'debug',
      METRICS_PORT: String(port),
      REAPER_INTERVAL_SECONDS: '1',
      ...environment,
    },
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  return {
    logs: () =>
      output
        .split('\n')
        .filter(isComplete)
        .map((line) => JSON.parse(line)),
    scrape: async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    async stop() {
      const before = Date.now();
      child.kill('SIGTERM');
      const { exitCode } = await child;
      return { exitCode, took: Date.now() - before };
    },
  };
}

export function temporalOf({ address, namespace }: Platform): Record<string, string> {
  return { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
}

/** The last line may have come in part only. */
function isComplete(line: string): boolean {
  return line.startsWith('{') && line.endsWith('}');
}
