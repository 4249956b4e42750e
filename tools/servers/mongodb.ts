import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import getPort from 'get-port';
import { firstThatWorks, oneLine, ServersError } from '../programs/attempts.ts';
import { exists, findCached, installed } from '../programs/cache.ts';
import { type MongoDBServer, takesWrites } from '../programs/mongodb-server.ts';
import { retryingPorts } from '../programs/ports.ts';
import { download, executableName, fromCache, onPath, step } from '../programs/programs.ts';
import type { Report } from '../programs/report.ts';
import { type Supervisor, untilReady } from '../programs/supervisor.ts';
import { type FerretProgram, findFerretDB, startFerretDB } from './fallback/ferretdb.ts';

const ADVICE = 'Install MongoDB and have `mongod` on PATH, or set MONGODB_URI to a running server.';

export type MongoDBProgram =
  | { readonly engine: 'mongod'; readonly command: string; readonly origin: string }
  | FerretProgram;

export type MongoDBOptions = {
  supervisor: Supervisor;
  /** Where the data and the logs go: a directory of its own for each engine below it. */
  directory: string;
  /** Whether the data must survive a crash of the machine. */
  keepData: boolean;
  report: Report;
  /** Default: a free one. */
  port?: number;
  /** Default: what `findMongoDB` finds. */
  program?: MongoDBProgram;
};

/**
 * Starts a MongoDB on loopback only, and waits until it takes a write.
 * @throws {NoServerError} when no way to get one works
 * @throws {ServersError} with the tail of its log when it does not start, or when the data is another engine's
 */
export async function startMongoDB(options: MongoDBOptions): Promise<MongoDBServer> {
  const program = options.program ?? (await findMongoDB(options.report));
  const directory = path.join(options.directory, program.engine);
  await refuseOtherEngine(options.directory, program.engine);
  await mkdir(directory, { recursive: true });
  return step(options.report, `Starting MongoDB: ${program.origin}`, () =>
    retryingPorts(options.port !== undefined, async () => {
      const port = options.port ?? (await getPort({ host: '127.0.0.1' }));
      const start = { ...options, directory, port };
      return program.engine === 'mongod' ? startMongod(program, start) : startFerretDB(program, start);
    }),
  );
}

/**
 * The MongoDB that the environment names by MONGODB_URI, if it does.
 * @throws {ServersError} when it does not answer
 */
export async function mongodbFromEnvironment(): Promise<{ uri: string; origin: string } | undefined> {
  const uri = process.env.MONGODB_URI;
  if (!uri) return undefined;
  const origin = `MONGODB_URI=${uri.replace(/\/\/[^@/]*@/, '//***@')}`;
  try {
    const { MongoClient } = await import('mongodb');
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 3000 });
    await client
      .db('admin')
      .command({ ping: 1 })
      .finally(() => client.close());
  } catch (error) {
    // Loaded late, as the driver is: it brings all that a worker needs.
    const { mongodbFailure } = await import('../../workers/connections.ts');
    const failure = mongodbFailure(error, 'MONGODB_URI');
    if (error instanceof Error && failure !== error.message) throw new ServersError(`${origin}: ${failure}.`);
    throw new ServersError(
      `${origin} does not answer (${oneLine(error)}). Start that server, or unset MONGODB_URI to have one started.`,
    );
  }
  return { uri, origin };
}

/**
 * The program to run: `mongod` on PATH, what an earlier run has put into the cache, a download,
 * FerretDB over PostgreSQL with DocumentDB.
 * @throws {NoServerError} when none of these works
 */
export async function findMongoDB(report: Report): Promise<MongoDBProgram> {
  const origin = fromCache('mongod', 'downloaded');
  const mongod = (entry: string): MongoDBProgram => ({
    engine: 'mongod',
    command: path.join(entry, executableName('mongod')),
    origin,
  });

  return firstThatWorks<MongoDBProgram>(
    'MongoDB',
    [
      {
        way: '`mongod` on PATH',
        async get() {
          const command = await onPath('mongod');
          if (command === undefined) return undefined;
          return { engine: 'mongod', command, origin: `mongod on PATH (${command})` };
        },
      },
      {
        way: 'an earlier download',
        async get() {
          const entry = await findCached('mongod');
          return entry === undefined ? undefined : mongod(entry);
        },
      },
      { way: 'an earlier install of FerretDB', get: () => findFerretDB(report, { install: false }) },
      {
        way: 'download',
        async get() {
          const install = async (directory: string) => {
            const file = await download('mongod', directory, 'allow downloads from fastdl.mongodb.org');
            await rename(file, path.join(directory, executableName('mongod')));
          };
          return mongod(
            await installed(
              'mongod',
              (directory) =>
                step(report, 'Downloading MongoDB (about 100 MB, once)', () => install(directory)),
              report,
            ),
          );
        },
      },
      { way: 'FerretDB over PostgreSQL', get: () => findFerretDB(report, { install: true }) },
    ],
    ADVICE,
  );
}

async function startMongod(
  program: Extract<MongoDBProgram, { engine: 'mongod' }>,
  options: { supervisor: Supervisor; directory: string; port: number },
): Promise<MongoDBServer> {
  const data = path.join(options.directory, 'data');
  await mkdir(data, { recursive: true });
  const address = `127.0.0.1:${options.port}`;
  const uri = `mongodb://${address}`;
  const server = await options.supervisor.start({
    name: 'mongod',
    command: program.command,
    args: [
      ...[
        '--dbpath',
        data,
        '--bind_ip',
        '127.0.0.1',
        '--port',
        String(options.port),
        '--wiredTigerCacheSizeGB',
        '0.5',
      ],
      ...(process.platform === 'win32' ? [] : ['--nounixsocket']),
    ],
    directory: options.directory,
    log: path.join(options.directory, 'mongod.log'),
    graceMs: 10_000,
  });
  try {
    await untilReady(server, () => takesWrites(uri));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    address,
    uri,
    origin: program.origin,
    port: options.port,
    pid: server.identity.pid,
    processes: [server],
    stop: server.stop,
  };
}

/** Data that one engine wrote is invisible to the other: better refused than silently empty. */
async function refuseOtherEngine(directory: string, engine: MongoDBProgram['engine']): Promise<void> {
  const other = engine === 'mongod' ? 'ferretdb' : 'mongod';
  if (!(await exists(path.join(directory, other))) || (await exists(path.join(directory, engine)))) return;
  throw new ServersError(
    `${directory} holds data of ${other}, which is not what runs now (${engine}). Use another data directory, or make ${other} available again.`,
  );
}
