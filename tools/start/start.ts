import { resolve } from 'node:path';
import { Command } from 'commander';
import { type ServiceName, services } from '../../domain/services.ts';
import { readTemporal } from '../../platform/settings/read-temporal.ts';
import type { WorkerSettings } from '../../workers/settings.ts';
import { optionsOrExit, type Program, runProgram } from '../measure/program.ts';
import { portsOfAnother } from '../servers/ports.ts';
import { createReport } from '../servers/report.ts';
import { type Servers, startServers } from '../servers/servers.ts';
import { printResults } from './results.ts';
import type { SampleResults } from './samples.ts';
import { watchCode } from './watch-code.ts';
import { prepareWorker, type WorkerProcess } from './worker-process.ts';

interface Options {
  readonly once?: true;
  readonly json?: true;
  readonly data?: string;
  readonly watch?: true;
}

/** If a server is lost, all ends: what Temporal had in memory is gone, and orders would only be kept waiting. */
async function main(options: Options, { report, cleanUp, fail }: Program): Promise<number | undefined> {
  const { encryptionKeys } = await checkedSettings();
  const used: { servers?: Servers } = {};
  // Begun first, so that the workers, which use them, end before.
  cleanUp(async () => used.servers?.stop());
  let isLost = false;
  const workers = new Map<ServiceName, WorkerProcess>();
  const [servers, { Concord }, { placeSamples }] = await Promise.all([
    startServers({
      report,
      onLoss(loss) {
        isLost = true;
        fail(loss);
      },
      dataDirectory: options.data === undefined ? undefined : resolve(options.data),
      // Both get ready while the servers start: that takes them about as long.
      onDirectory(directory) {
        for (const name of services) {
          const worker = prepareWorker({ name, directory, report });
          workers.set(name, worker);
          // Without its servers it would not end in good order, but late.
          cleanUp(() => (isLost ? worker.kill() : worker.stop()));
        }
      },
    }),
    import('../../client/concord.ts'),
    import('./samples.ts'),
  ]);
  used.servers = servers;
  const { address, namespace } = servers.temporal;
  const { uri } = servers.mongodb;
  // Everything else the workers take from our own environment.
  const environment = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, MONGODB_URI: uri };
  // A server of the user's own may want TLS, or an API key.
  const own = process.env.TEMPORAL_ADDRESS ? readTemporal(process.env).connection : {};
  // Never closed: the SDK (1.24) throws if a call waits to be repeated on a connection that is closed.
  const concord = await Concord.connect({ connection: { ...own, address }, namespace, encryptionKeys });

  const host = (name: ServiceName, ports: Readonly<Record<string, string>> = {}) =>
    workers.get(name)?.start({ ...environment, ...ports }, concord);
  await host('orders');
  // Only when the samples say so: one order is cancelled while that service is down.
  const startInventory = async () => host('inventory', await portsOfAnother(process.env));
  const results = await placeSamples({ concord, report, temporal: servers.temporal, startInventory });
  if (options.watch) {
    const stopWatching = watchCode(workers, report);
    cleanUp(async () => stopWatching());
  }
  if (options.json) console.log(JSON.stringify(results, null, 2));
  else printResults(results);
  if (options.once) return results.asExpected ? 0 : 1;
  report.note(upAndRunning(results));
  return undefined;
}

/** Refuses settings that the workers would refuse, before the servers are started. */
async function checkedSettings(): Promise<WorkerSettings> {
  const { readSettings } = await import('../../workers/settings.ts');
  const toBeStarted = 'mongodb://127.0.0.1';
  return readSettings({ ...process.env, MONGODB_URI: process.env.MONGODB_URI || toBeStarted });
}

function upAndRunning({ temporal, namespace, webUi }: SampleResults): string {
  // Reads and sweeps are workflows, too.
  const query = encodeURIComponent(`WorkflowType = "placeOrder"`);
  const orders = `${webUi}/namespaces/${namespace}/workflows?query=${query}`;
  return [
    '',
    ...(webUi === undefined ? [] : [`Web UI: ${webUi}`, `The orders alone: ${orders}`]),
    `Temporal: ${temporal} (TEMPORAL_ADDRESS, for programs of your own)`,
    'Try it, in another terminal:',
    '  npm run -s concord -- place --customer me --sku MILK-JUG:1',
    '  npm run -s concord -- stock',
    'Ctrl-C ends the servers and the workers.',
  ].join('\n');
}

const SAMPLES = 'tools/start/samples/orders.json';
const options = optionsOrExit<Options>(
  new Command('npm start --')
    .description(`Starts Temporal, MongoDB and the workers, and places the sample orders of ${SAMPLES}.`)
    .option('--once', 'end after the table; exit 0 only if every outcome was the expected one')
    .option('--json', 'print the results as JSON, alone on standard output (npm run -s start -- --json)')
    .option('--watch', 'restart a worker when its code changes; orders in flight go on')
    .option('--data <directory>', 'keep the data of both servers there across runs (default: throw it away)'),
);
await runProgram((program) => main(options, program), createReport(), console.error);
