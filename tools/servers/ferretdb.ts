import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, rename } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import { ServersError, UnavailableError } from './attempts.ts';
import { findCached, remove } from './cache.ts';
import { localServer, type ServerOptions, takesWrites } from './local-server.ts';
import { installPostgres, MONGOD_INSTEAD, postgresBinary } from './postgres-tree.ts';
import { executableName, fromCache, goInstall, installedBy, type Program } from './programs.ts';
import type { Report } from './report.ts';

const VERSION = 'v2.7.0';
/** More than FerretDB's pool (50) and the extension's own connections take together. */
const MAX_CONNECTIONS = 300;

export interface FerretProgram extends Program {
  readonly tree: string;
}

interface FerretOptions extends Pick<ServerOptions, 'supervisor' | 'directory' | 'keepData'> {
  readonly port: number;
  /** Lets in nobody without a password; this user must be there already. By default everybody is let in. */
  readonly user?: { readonly name: string; readonly password: string };
}

const POSTGRES = {
  entry: 'postgresql-18-documentdb',
  message: 'Getting PostgreSQL with DocumentDB from Debian, once (140 MB, about 20 s)',
  into: installPostgres,
};
const FERRETDB = {
  entry: `ferretdb-${VERSION}`,
  message: `Building FerretDB ${VERSION} with Go, once (about a minute)`,
  into: (directory: string) =>
    goInstall(
      `github.com/FerretDB/FerretDB/v2/cmd/ferretdb@${VERSION}`,
      directory,
      `install Go 1.24 or newer (https://go.dev/dl), or ${MONGOD_INSTEAD}`,
    ),
};

export async function hasFerretDB(): Promise<boolean> {
  return [FERRETDB, POSTGRES].every(({ entry }) => findCached(entry) !== undefined);
}

/** FerretDB from the cache, installed first if it is not there. @throws {UnavailableError} when it cannot be installed */
export async function getFerretDB(report: Report) {
  // The tree first: it takes seconds, and without it the minute for FerretDB would be lost.
  const tree = await installedBy(POSTGRES, report);
  const command = path.join(await installedBy(FERRETDB, report), executableName('ferretdb'));
  const origin = fromCache('FerretDB', `${VERSION} over PostgreSQL 18 with DocumentDB`);
  return { command, tree, origin } satisfies FerretProgram;
}

export async function startFerretDB({ command, tree, origin }: FerretProgram, options: FerretOptions) {
  const { supervisor, directory, port, user } = options;
  const address = `127.0.0.1:${port}`;
  const uri = `mongodb://${user === undefined ? '' : `${user.name}:${user.password}@`}${address}`;
  const postgres = await startPostgres(tree, options);
  try {
    const state = path.join(directory, 'state');
    await mkdir(state, { recursive: true });
    const ferretdb = await supervisor.start({
      name: 'ferretdb',
      command,
      args: [
        // It is reachable from this machine only, and the extension's own connections need trust anyway.
        ...(user === undefined ? ['--no-auth'] : []),
        ...['--telemetry=disable', '--debug-addr=-', '--log-level=WARN'],
        ...[`--listen-addr=${address}`, `--postgresql-url=${postgres.url}`, `--state-dir=${state}`],
      ],
      directory,
      isReady: () => takesWrites(uri),
    });
    return { ...localServer(port, origin, [postgres.server, ferretdb]), uri };
  } catch (error) {
    await postgres.server.stop();
    throw error;
  }
}

async function startPostgres(tree: string, { supervisor, directory, keepData }: FerretOptions) {
  const data = path.join(directory, 'postgresql');
  const account = await postgresAccount();
  if (!existsSync(data)) await createCluster(tree, data, account);
  await account.own(data);
  const port = await getPort({ host: '127.0.0.1' });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const [command = '', ...args] = [...account.prefix, postgresBinary(tree, 'postgres')];
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: MAX_CONNECTIONS,
    shared_preload_libraries: 'pg_cron,pg_documentdb_core,pg_documentdb',
    // Shared memory in the data directory: /dev/shm is tiny or missing in many containers.
    dynamic_shared_memory_type: 'mmap',
    'cron.database_name': 'postgres',
    'cron.host': '127.0.0.1',
    // A line and a row for each of its jobs, every two seconds, for ever.
    'cron.log_run': 'off',
    'cron.log_statement': 'off',
    jit: 'off',
    timezone: 'GMT',
    log_timezone: 'GMT',
    // Data that nobody will read again need not survive a power cut.
    ...(keepData ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const server = await supervisor.start({
    name: 'postgres',
    command,
    args: [...args, '-D', data, '-p', String(port), ...flags],
    environment: ENVIRONMENT,
    directory,
    // "Fast": does not wait for clients to leave.
    stopSignal: 'SIGINT',
    graceMs: 10_000,
    isReady: () => createExtension(postgresBinary(tree, 'psql'), url),
  });
  return { server, url };
}

const ENVIRONMENT = { LC_ALL: 'C', TZ: 'GMT' };

async function createCluster(tree: string, data: string, account: Account): Promise<void> {
  // Only a finished cluster gets the name that the next start looks for.
  const unfinished = `${data}.unfinished`;
  await remove(unfinished);
  await mkdir(unfinished, { mode: 0o700 });
  await account.own(unfinished);
  const [command = '', ...args] = [...account.prefix, postgresBinary(tree, 'initdb'), '-D', unfinished];
  const settings = ['-A', 'trust', '-U', 'postgres', '--locale=C', '--encoding=UTF8'];
  const options = { cwd: path.dirname(data), env: ENVIRONMENT, reject: false, all: true } as const;
  const result = await execa(command, [...args, ...settings], options);
  if (result.failed) throw new ServersError(`initdb failed:\n${result.all}`);
  await rename(unfinished, data);
}

/** Whether the extension is there; false while the server does not take connections yet. */
async function createExtension(psql: string, url: string): Promise<boolean> {
  const commands = [
    ...['-c', 'set client_min_messages = warning'],
    ...['-c', 'create extension if not exists documentdb cascade'],
  ];
  const options = { env: { ...ENVIRONMENT, PGOPTIONS: '' }, reject: false } as const;
  const result = await execa(psql, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', url, ...commands], options);
  if (result.exitCode === 2) return false; // psql's own code for "no connection"
  if (result.failed) throw new ServersError(`PostgreSQL has no DocumentDB extension: ${result.stderr}`);
  return true;
}

/** How to run PostgreSQL, which refuses root and users without a name: a command in front, and who must own its data. */
interface Account {
  readonly prefix: readonly string[];
  own(directory: string): Promise<void>;
}

const NOBODY = 65534;

/** @throws {UnavailableError} if that needs another uid, and there is no way to one */
async function postgresAccount(): Promise<Account> {
  const ourselves = process.getuid?.() ?? 0;
  const keep = async () => {};
  if (ourselves !== 0 && hasName()) return { prefix: [], own: keep };

  // The same files under another uid: nothing changes hands, and a cache below a private home stays readable.
  const namespace = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--'];
  if (await works(namespace)) {
    // An earlier run may have had to change the uid.
    return { prefix: namespace, own: ourselves === 0 ? (directory) => chownAll(directory, 0) : keep };
  }

  // Containers often forbid user namespaces; there a plain change of uid keeps the right to read what root may read.
  const capabilities = '+dac_override,+dac_read_search';
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  // Without the fixup access(2), by which initdb looks for postgres, honours those capabilities too.
  const change = [
    ...['setpriv', '--securebits=+no_setuid_fixup', ...user],
    ...[`--inh-caps=${capabilities}`, `--ambient-caps=${capabilities}`, '--'],
  ];
  if (ourselves === 0 && (await works(change)))
    return { prefix: change, own: (directory) => chownAll(directory, NOBODY) };

  throw new UnavailableError(
    `PostgreSQL does not run as ${ourselves === 0 ? 'root' : 'a user without a name'}, and user namespaces are not allowed here`,
    `run as a normal user, or ${MONGOD_INSTEAD}`,
  );
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

async function works([command = '', ...args]: string[]): Promise<boolean> {
  return !(await execa(command, [...args, 'true'], { reject: false, stdio: 'ignore' })).failed;
}

async function chownAll(directory: string, id: number): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) await chown(path.join(entry.parentPath, entry.name), id, id);
  await chown(directory, id, id);
}
