import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import getPort from 'get-port';
import type { RunningTemporal } from '../../client/cli/shared/running-start.ts';
import { searchAttributeTypes } from '../../domain/search-attributes.ts';
import { firstThatWorks, ServersError, UnfitProgramError } from './attempts.ts';
import { localServer, type ServerOptions } from './local-server.ts';
import { retryingPorts } from './ports.ts';
import { byDownload, cachedWays, goInstall, type Program, programOnPath, step, tryOut } from './programs.ts';
import type { Report } from './report.ts';

const CLI_VERSION = 'v1.5.1';
const DEFAULT_NAMESPACE = 'default';
const ADVICE =
  'Install the Temporal CLI and have `temporal` on PATH, or set TEMPORAL_ADDRESS to a running server.';

interface TemporalOptions extends ServerOptions {
  readonly uiPort?: number;
  /** Settings of its own, by the names of Temporal's dynamic configuration; they come before the usual ones. */
  readonly limits?: Readonly<Record<string, number | boolean>>;
}

/** Starts a Temporal dev server on loopback only, and waits until it serves. @throws {NoServerError | ServersError} */
export async function startTemporal(options: TemporalOptions) {
  const program = await findTemporal(options.report);
  await mkdir(options.directory, { recursive: true });
  return step(options.report, `Starting Temporal: ${program.origin}`, () =>
    retryingPorts(options.port !== undefined, async () => {
      const port = options.port ?? (await getPort({ host: '127.0.0.1' }));
      const uiPort = options.uiPort ?? (await getPort({ host: '127.0.0.1' }));
      return startProgram(program, { ...options, port, uiPort });
    }),
  );
}

/** The Temporal server that TEMPORAL_ADDRESS names. @throws {ServersError} when nothing listens there */
export async function temporalFromEnvironment(): Promise<RunningTemporal | undefined> {
  const address = process.env.TEMPORAL_ADDRESS;
  if (!address) return undefined;
  const { proxyTo } = await import('../../platform/connection/proxy.ts');
  if (proxyTo(address) === undefined && !(await listens(address))) {
    throw new ServersError(
      `Nothing listens at TEMPORAL_ADDRESS=${address}. Start that server, or unset TEMPORAL_ADDRESS to have one started.`,
    );
  }
  const namespace = process.env.TEMPORAL_NAMESPACE || DEFAULT_NAMESPACE;
  return { address, namespace, origin: `TEMPORAL_ADDRESS=${address}` };
}

/** Finds the first Temporal CLI that runs here and is new enough. @throws {NoServerError} when none is */
export async function findTemporal(report: Report): Promise<Program> {
  const module = `github.com/temporalio/cli/cmd/temporal@${CLI_VERSION}`;
  const installs = [
    byDownload('temporal', 'temporal-cli', 'Downloading the Temporal CLI', 'temporal.download'),
    {
      way: 'build with Go',
      earlier: 'an earlier build',
      entry: `temporal-${CLI_VERSION}`,
      how: `${CLI_VERSION} built with Go`,
      message: `Building the Temporal CLI ${CLI_VERSION} with Go, once (about 4 minutes)`,
      into: (directory: string) =>
        goInstall(module, directory, 'install Go 1.24 or newer (https://go.dev/dl)'),
    },
  ];
  const { earlier, fresh } = cachedWays('temporal', installs, report);
  const ways = [programOnPath('temporal'), ...earlier, ...fresh];
  return firstThatWorks({ what: 'Temporal dev server', ways, advice: ADVICE, check: isNewEnough, report });
}

/** The first server that has update-with-start, which places an order, on by default (temporalio/temporal #7007). */
const OLDEST_SERVER = '1.26.2';
const OLDEST_CLI = '1.2.0';

/** @throws {UnfitProgramError} when it can't run, or its server can't place orders */
async function isNewEnough({ command }: Program): Promise<void> {
  const version = await tryOut(command);
  // That of the CLI itself is 0.0.0-DEV where Go has built it.
  const [, server = OLDEST_SERVER] = /server (\d+\.\d+\.\d+)/i.exec(version) ?? [];
  if (server.localeCompare(OLDEST_SERVER, 'en', { numeric: true }) >= 0) return;
  const tooOld = `${command} is too old: its server is ${server}, and update-with-start, which places an order, needs ${OLDEST_SERVER}`;
  throw new UnfitProgramError(tooOld, `upgrade it to Temporal CLI ${OLDEST_CLI} or newer`);
}

/** The dev server's defaults are for a shared cluster; many orders at once would run into them. */
const DYNAMIC_CONFIGURATION: Record<string, number | boolean> = {
  // Each caller that awaits an order's result holds a long poll: the default refuses more than 1200 of them.
  'frontend.namespaceCount': 20_000,
  // An order is some 30 calls; the defaults (2400 a second and less) would throttle a burst of orders.
  'frontend.rps': 100_000,
  'frontend.namespaceRPS': 100_000,
  'frontend.persistenceMaxQPS': 100_000,
  'history.rps': 100_000,
  'history.persistenceMaxQPS': 100_000,
  'matching.rps': 100_000,
  'matching.persistenceMaxQPS': 100_000,
  // How often a shard looks for work. With its default of 20 a second, this one would have each step wait 50 ms.
  'history.transferProcessorMaxPollRPS': 100,
  // Lists of orders are read from the visibility store, which is the same SQLite here.
  'frontend.namespaceRPS.visibility': 1000,
  // Has tasks wait by priority, and customers take turns. Servers that are older than that ignore it.
  'matching.enableFairness': true,
};

async function startProgram(
  { command, origin }: Program,
  options: TemporalOptions & { readonly port: number; readonly uiPort: number },
) {
  const { supervisor, directory, keepData, port, uiPort } = options;
  const address = `127.0.0.1:${port}`;
  const namespace = DEFAULT_NAMESPACE;
  const limits = Object.entries({ ...DYNAMIC_CONFIGURATION, ...options.limits });
  const attributes = Object.entries(searchAttributeTypes);
  const server = await supervisor.start({
    name: 'temporal',
    command,
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
      ...['--namespace', namespace, '--log-level', 'warn', '--color', 'never'],
      ...limits.flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
      ...attributes.flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
      ...(keepData ? ['--db-filename', path.join(directory, 'temporal.db')] : []),
    ],
    directory,
    // Its orderly end takes two seconds, which data that is gone anyway need not wait for.
    stopSignal: keepData ? 'SIGTERM' : 'SIGKILL',
    isReady: () => serves(address, namespace, keepData),
  });
  return { ...localServer(port, origin, [server]), namespace, uiUrl: `http://127.0.0.1:${uiPort}`, uiPort };
}

/** @param isOld Whether its data may be older than our search attributes, which are registered then. */
async function serves(address: string, namespace: string, isOld: boolean): Promise<boolean> {
  const { Connection } = await import('@temporalio/client'); // not before the server starts
  const { clientOptions } = await import('../../platform/connection/proxy.ts');
  const options = clientOptions({ address, connectTimeout: 2000 });
  const connection = await Connection.connect(options).catch(() => undefined);
  if (connection === undefined) return false;
  try {
    const describe = () => connection.workflowService.describeNamespace({ namespace });
    const found = await connection.withDeadline(Date.now() + 2000, describe).catch(() => undefined);
    if (found === undefined || !isOld) return found !== undefined;
    const { registerSearchAttributes } = await import('../../platform/display/register-search-attributes.ts');
    await registerSearchAttributes(connection, namespace);
    return true;
  } finally {
    await connection.close();
  }
}

async function listens(address: string): Promise<boolean> {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new ServersError(`TEMPORAL_ADDRESS=${address} is no address; write it as host:port.`);
  }
  const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port: Number(port) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(5000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
