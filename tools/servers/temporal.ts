import { mkdir, rename } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import getPort from 'get-port';
import { searchAttributeTypes } from '../../domain/search-attributes.ts';
import { firstThatWorks, ServersError } from './attempts.ts';
import { findCached, installed } from './cache.ts';
import { retryingPorts } from './ports.ts';
import { download, executableName, fromCache, goInstall, onPath, step } from './programs.ts';
import type { Report } from './report.ts';
import { type ServerProcess, type Supervisor, untilReady } from './supervisor.ts';

const CLI_VERSION = 'v1.5.1';
const DEFAULT_NAMESPACE = 'default';
const ADVICE =
  'Install the Temporal CLI and have `temporal` on PATH, or set TEMPORAL_ADDRESS to a running server.';

/** A Temporal dev server that we run. */
export type TemporalServer = {
  /** host:port of the gRPC front end. */
  readonly address: string;
  readonly namespace: string;
  /** Where the Web UI answers. */
  readonly uiUrl: string;
  /** One line for people: which program this is. */
  readonly origin: string;
  readonly port: number;
  readonly uiPort: number;
  readonly pid: number;
  /** Everything that runs for it. */
  readonly processes: readonly ServerProcess[];
  /** Ends the server; its data stays, so that it can be started again on the same port and directory. Idempotent. */
  stop(): Promise<void>;
};

export type TemporalProgram = { readonly command: string; readonly origin: string };

/**
 * Starts a Temporal dev server with its Web UI, on loopback only, and waits until it serves its namespace.
 * With `port` (and `uiPort`) it takes exactly those; otherwise free ones.
 * @throws {NoServerError} when no way to get one works
 * @throws {ServersError} with the tail of its log when it does not start
 */
export async function startTemporal(options: {
  supervisor: Supervisor;
  /** Where the log goes, and the data when `keepData`. */
  directory: string;
  keepData: boolean;
  report: Report;
  port?: number;
  uiPort?: number;
  /** Default: what `findTemporal` finds. */
  program?: TemporalProgram;
  /** Limits of its own, by the names of Temporal's dynamic configuration; they come before the usual ones. */
  limits?: Readonly<Record<string, number>>;
}): Promise<TemporalServer> {
  const program = options.program ?? (await findTemporal(options.report));
  await mkdir(options.directory, { recursive: true });
  return step(options.report, `Starting Temporal: ${program.origin}`, () =>
    retryingPorts(options.port !== undefined, async () => {
      const port = options.port ?? (await getPort({ host: '127.0.0.1' }));
      const uiPort = options.uiPort ?? (await getPort({ host: '127.0.0.1' }));
      return startProgram(program, { ...options, port, uiPort });
    }),
  );
}

/**
 * The Temporal server that the environment names by TEMPORAL_ADDRESS (and TEMPORAL_NAMESPACE), if it does.
 * @throws {ServersError} when nothing listens there
 */
export async function temporalFromEnvironment(): Promise<
  { address: string; namespace: string; origin: string } | undefined
> {
  const address = process.env.TEMPORAL_ADDRESS;
  if (!address) return undefined;
  if (!(await listens(address))) {
    throw new ServersError(
      `Nothing listens at TEMPORAL_ADDRESS=${address}. Start that server, or unset TEMPORAL_ADDRESS to have one started.`,
    );
  }
  const namespace = process.env.TEMPORAL_NAMESPACE || DEFAULT_NAMESPACE;
  return { address, namespace, origin: `TEMPORAL_ADDRESS=${address}` };
}

/**
 * The program to run: `temporal` on PATH, what an earlier run has put into the cache, a download, a build with Go.
 * @throws {NoServerError} when none of these works
 */
export async function findTemporal(report: Report): Promise<TemporalProgram> {
  const downloaded = { entry: 'temporal-cli', origin: fromCache('temporal', 'downloaded') };
  const built = {
    entry: `temporal-${CLI_VERSION}`,
    origin: fromCache('temporal', `${CLI_VERSION} built with Go`),
  };
  const inEntry = (entry: string) => path.join(entry, executableName('temporal'));
  const fromEntry = async ({ entry, origin }: typeof built) => {
    const found = await findCached(entry);
    return found === undefined ? undefined : { command: inEntry(found), origin };
  };

  return firstThatWorks(
    'Temporal dev server',
    [
      {
        way: '`temporal` on PATH',
        async get() {
          const command = await onPath('temporal');
          return command === undefined ? undefined : { command, origin: `temporal on PATH (${command})` };
        },
      },
      { way: 'an earlier download', get: () => fromEntry(downloaded) },
      { way: 'an earlier build', get: () => fromEntry(built) },
      {
        way: 'download',
        async get() {
          const install = async (directory: string) => {
            const file = await download('temporal', directory, 'allow downloads from temporal.download');
            await rename(file, inEntry(directory));
          };
          const entry = await installed(
            downloaded.entry,
            (directory) => step(report, 'Downloading the Temporal CLI', () => install(directory)),
            report,
          );
          return { command: inEntry(entry), origin: downloaded.origin };
        },
      },
      {
        way: 'build with Go',
        async get() {
          const message = `Building the Temporal CLI ${CLI_VERSION} with Go, once (about 4 minutes)`;
          const module = `github.com/temporalio/cli/cmd/temporal@${CLI_VERSION}`;
          const entry = await installed(
            built.entry,
            (directory) =>
              step(report, message, () =>
                goInstall(module, directory, 'install Go 1.24 or newer (https://go.dev/dl)'),
              ),
            report,
          );
          return { command: inEntry(entry), origin: built.origin };
        },
      },
    ],
    ADVICE,
  );
}

/** Limits of the dev server that many orders at once would run into; its defaults are for a shared cluster. */
const DYNAMIC_CONFIGURATION: Record<string, number> = {
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
  // How often a shard looks for what is to be done. A cluster has hundreds of shards; with this one's default of 20 a second,
  // each of an order's steps would wait 50 ms for its turn.
  'history.transferProcessorMaxPollRPS': 100,
  // What lists orders by their state asks the visibility store, which is the same SQLite here.
  'frontend.namespaceRPS.visibility': 1000,
};

async function startProgram(
  program: TemporalProgram,
  options: {
    supervisor: Supervisor;
    directory: string;
    keepData: boolean;
    port: number;
    uiPort: number;
    limits?: Readonly<Record<string, number>>;
  },
): Promise<TemporalServer> {
  const { supervisor, directory, port, uiPort } = options;
  const address = `127.0.0.1:${port}`;
  const server = await supervisor.start({
    name: 'temporal',
    command: program.command,
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
      ...['--namespace', DEFAULT_NAMESPACE, '--log-level', 'warn', '--color', 'never'],
      ...Object.entries({ ...DYNAMIC_CONFIGURATION, ...options.limits }).flatMap(([key, value]) => [
        '--dynamic-config-value',
        `${key}=${value}`,
      ]),
      ...Object.entries(searchAttributeTypes).flatMap(([name, type]) => [
        '--search-attribute',
        `${name}=${type}`,
      ]),
      ...(options.keepData ? ['--db-filename', path.join(directory, 'temporal.db')] : []),
    ],
    directory,
    log: path.join(directory, 'temporal.log'),
    // Its orderly end takes two seconds, which data that is gone anyway need not wait for.
    stopSignal: options.keepData ? 'SIGTERM' : 'SIGKILL',
  });
  try {
    await untilReady(server, () => serves(address, DEFAULT_NAMESPACE));
    // Data that is kept may be older than they are.
    if (options.keepData) await registerAt(address, DEFAULT_NAMESPACE);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    address,
    namespace: DEFAULT_NAMESPACE,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    origin: program.origin,
    port,
    uiPort,
    pid: server.identity.pid,
    processes: [server],
    stop: server.stop,
  };
}

async function registerAt(address: string, namespace: string): Promise<void> {
  const { Connection } = await import('@temporalio/client');
  const { registerSearchAttributes } = await import('../../platform/display/register-search-attributes.ts');
  const connection = await Connection.connect({ address });
  try {
    await registerSearchAttributes(connection, namespace);
  } finally {
    await connection.close();
  }
}

/** Whether a Temporal server at `address` knows the namespace. */
async function serves(address: string, namespace: string): Promise<boolean> {
  const { Connection } = await import('@temporalio/client'); // not before the server starts
  try {
    const connection = await Connection.connect({ address, connectTimeout: 2000 });
    try {
      await connection.withDeadline(Date.now() + 2000, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
      return true;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}

function listens(address: string): Promise<boolean> {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new ServersError(`TEMPORAL_ADDRESS=${address} is no address; write it as host:port.`);
  }
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port: Number(port), timeout: 5000 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
