import { resolve } from 'node:path';
import { Command } from 'commander';
import { ConcordError } from '../../domain/errors.ts';
import { readTemporal } from '../../platform/settings/read-temporal.ts';
import type { ServiceName } from '../../workers/services.ts';
import type { WorkerSettings } from '../../workers/settings.ts';
import { ServersError } from '../servers/attempts.ts';
import { portsOfAnother } from '../servers/ports.ts';
import { createReport, type Report } from '../servers/report.ts';
import { startServers } from '../servers/servers.ts';
import { optionsOrExit } from './command-line.ts';
import { printResults } from './results.ts';
import type { SampleResults } from './samples.ts';
import { onStopSignal, STOPPED_BY_SIGNAL } from './stop-signals.ts';
import { watchCode } from './watch-code.ts';
import { prepareWorker, type WorkerProcess } from './worker-process.ts';

interface Options {
  readonly once?: true;
  readonly json?: true;
  readonly data?: string;
  readonly watch?: true;
}

/** `npm start`: servers, workers, sample orders, their results; then it stays up until Ctrl-C. */
async function main(): Promise<number> {
  const options = readOptions();
  const report = createReport();
  const stops: (() => Promise<void>)[] = [];
  const stopAll = () => stopInTurn(stops);
  const stopped = onStopSignal(report, stopAll);
  try {
    const results = await Promise.race([run(options, report, stops), stopped.then(() => undefined)]);
    // Whatever was being started dies with this process; the guard sees to the servers.
    if (results === undefined) process.exit(STOPPED_BY_SIGNAL);
    if (options.json) console.log(JSON.stringify(results, null, 2));
    else printResults(results);
    if (options.once) return results.asExpected ? 0 : 1;
    report.note(upAndRunning(results));
    await stopped;
    return 0;
  } finally {
    await stopAll();
  }
}

async function run(options: Options, report: Report, stops: (() => Promise<void>)[]): Promise<SampleResults> {
  const { encryptionKeys } = await checkedSettings();
  const workers = new Map<ServiceName, WorkerProcess>();
  const [servers, { Concord }, { placeSamples }] = await Promise.all([
    startServers({
      report,
      ...(options.data === undefined ? {} : { dataDirectory: resolve(options.data) }),
      // Both get ready while the servers start: that takes them about as long.
      onDirectory(directory) {
        for (const name of ['orders', 'inventory'] as const) {
          const worker = prepareWorker({ name, directory, report });
          workers.set(name, worker);
          stops.push(worker.stop);
        }
      },
    }),
    import('../../client/concord.ts'),
    import('./samples.ts'),
  ]);
  stops.unshift(servers.stop); // what uses them is stopped before
  const { address, namespace } = servers.temporal;
  // Everything else the workers take from our own environment.
  const environment = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    MONGODB_URI: servers.mongodb.uri,
  };
  // A server of the user's own may want TLS, or an API key.
  const own = process.env.TEMPORAL_ADDRESS ? readTemporal(process.env).connection : {};
  const concord = await Concord.connect({ connection: { ...own, address }, namespace, encryptionKeys });
  stops.splice(1, 0, () => concord.close());

  const host = (name: ServiceName, ports: Readonly<Record<string, string>> = {}) =>
    workers.get(name)?.start({ ...environment, ...ports }, concord);
  await host('orders');
  const results = await placeSamples({
    ...{ concord, report, temporal: servers.temporal },
    // Only when the samples say so: one order is cancelled while that service is down.
    startInventory: async () => host('inventory', await portsOfAnother(process.env)),
  });
  if (options.watch) {
    const stopWatching = watchCode(workers, report);
    stops.push(async () => stopWatching());
  }
  return results;
}

/** What the workers would refuse is better known now than when the servers are up. */
async function checkedSettings(): Promise<WorkerSettings> {
  const { readSettings } = await import('../../workers/settings.ts');
  const toBeStarted = 'mongodb://127.0.0.1';
  return readSettings({ ...process.env, MONGODB_URI: process.env.MONGODB_URI || toBeStarted });
}

function readOptions(): Options {
  const command = new Command('npm start --')
    .description(
      'Starts Temporal, MongoDB and the workers, and places the sample orders of tools/start/samples/orders.json.',
    )
    .option('--once', 'end after the table; exit 0 only if every outcome was the expected one')
    .option('--json', 'print the results as JSON, alone on standard output (npm run -s start -- --json)')
    .option('--watch', 'restart a worker when its code changes; orders in flight go on')
    .option('--data <directory>', 'keep the data of both servers there across runs (default: throw it away)');
  return optionsOrExit<Options>(command);
}

function upAndRunning({ temporal, namespace, webUi }: SampleResults): string {
  return [
    '',
    ...(webUi === undefined ? [] : [`Web UI: ${webUi}`, `The orders alone: ${ordersIn(webUi, namespace)}`]),
    `Temporal: ${temporal} (TEMPORAL_ADDRESS, for programs of your own)`,
    'Try it, in another terminal:',
    '  npm run -s concord -- place --customer me --sku MILK-JUG:1',
    '  npm run -s concord -- stock',
    'Ctrl-C ends the servers and the workers.',
  ].join('\n');
}

/** Reads and sweeps are workflows, too. */
function ordersIn(webUi: string, namespace: string): string {
  const query = encodeURIComponent(`WorkflowType = "placeOrder"`);
  return `${webUi}/namespaces/${namespace}/workflows?query=${query}`;
}

/** Last started, first stopped. */
async function stopInTurn(stops: (() => Promise<void>)[]): Promise<void> {
  for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
}

const BAD_INPUT = 2;
const UNREACHABLE = 3;

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ServersError || error instanceof ConcordError)) throw error;
  console.error(error.message);
  const isBadInput = error instanceof ConcordError && error.kind === 'bad input';
  process.exitCode = isBadInput ? BAD_INPUT : UNREACHABLE;
}
