import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import getPort from 'get-port';
import { firstThatWorks, oneLine, ServersError, type Way } from './attempts.ts';
import { type FerretProgram, getFerretDB, hasFerretDB, startFerretDB } from './ferretdb.ts';
import { localServer, type ServerOptions, takesWrites } from './local-server.ts';
import { retryingPorts } from './ports.ts';
import { postgresBinary } from './postgres-tree.ts';
import { byDownload, cachedWays, type Program, programOnPath, step, tryOut } from './programs.ts';
import type { Report } from './report.ts';

const ADVICE = 'Install MongoDB and have `mongod` on PATH, or set MONGODB_URI to a running server.';

/** Starts a MongoDB on loopback only, and waits until it takes a write. @throws {NoServerError | ServersError} */
export async function startMongoDB(options: ServerOptions) {
  const program = await findMongoDB(options.report);
  const [engine, other] = 'tree' in program ? ['ferretdb', 'mongod'] : ['mongod', 'ferretdb'];
  const directory = path.join(options.directory, engine);
  // Data that one engine wrote is invisible to the other: better refused than silently empty.
  if (existsSync(path.join(options.directory, other)) && !existsSync(directory)) {
    throw new ServersError(
      `${options.directory} holds data of ${other}, which is not what runs now (${engine}). Use another data directory, or make ${other} available again.`,
    );
  }
  await mkdir(directory, { recursive: true });
  return step(options.report, `Starting MongoDB: ${program.origin}`, () =>
    retryingPorts(options.port !== undefined, async () => {
      const port = options.port ?? (await getPort({ host: '127.0.0.1' }));
      const start = { ...options, directory, port };
      return 'tree' in program ? startFerretDB(program, start) : startMongod(program, start);
    }),
  );
}

/** The MongoDB that MONGODB_URI names, if it does. @throws {ServersError} when it does not answer */
export async function mongodbFromEnvironment(): Promise<{ uri: string; origin: string } | undefined> {
  const uri = process.env.MONGODB_URI;
  if (!uri) return undefined;
  const origin = `MONGODB_URI=${uri.replace(/\/\/[^@/]*@/, '//***@')}`;
  try {
    const { MongoClient } = await import('mongodb');
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 3000 });
    const answered = client.db('admin').command({ ping: 1 });
    await answered.finally(() => client.close());
  } catch (error) {
    // Loaded late, as the driver is: both are large.
    const { mongodbFailure } = await import('../../workers/connections.ts');
    const failure = mongodbFailure(error, 'MONGODB_URI');
    if (error instanceof Error && failure !== error.message) throw new ServersError(`${origin}: ${failure}.`);
    throw new ServersError(
      `${origin} does not answer (${oneLine(error)}). Start that server, or unset MONGODB_URI to have one started.`,
    );
  }
  return { uri, origin };
}

/** Finds the first that runs here: `mongod`, or FerretDB over PostgreSQL. @throws {NoServerError} when none does */
export async function findMongoDB(report: Report): Promise<Program | FerretProgram> {
  const message = 'Downloading MongoDB (about 100 MB, once)';
  const install = byDownload('mongod', 'mongod', message, 'fastdl.mongodb.org');
  const { earlier, fresh } = cachedWays('mongod', [install], report);
  const ways: Way<Program | FerretProgram>[] = [
    programOnPath('mongod'),
    ...earlier,
    { way: 'an earlier install of FerretDB', isThere: hasFerretDB, get: () => getFerretDB(report) },
    ...fresh,
    { way: 'FerretDB over PostgreSQL', get: () => getFerretDB(report) },
  ];
  return firstThatWorks({ what: 'MongoDB', ways, advice: ADVICE, check: tryAll, report });
}

/** MongoDB from 5.0 on needs AVX, without which it ends by SIGILL and prints nothing (docker-library/mongo #485). */
async function tryAll(program: Program | FerretProgram): Promise<void> {
  await tryOut(program.command);
  if ('tree' in program) await tryOut(postgresBinary(program.tree, 'postgres'));
}

async function startMongod({ command, origin }: Program, options: ServerOptions & { readonly port: number }) {
  const { supervisor, directory, port } = options;
  const data = path.join(directory, 'data');
  await mkdir(data, { recursive: true });
  const uri = `mongodb://127.0.0.1:${port}`;
  const server = await supervisor.start({
    name: 'mongod',
    command,
    args: [
      ...['--dbpath', data, '--bind_ip', '127.0.0.1', '--port', String(port)],
      ...['--wiredTigerCacheSizeGB', '0.5', ...(process.platform === 'win32' ? [] : ['--nounixsocket'])],
    ],
    directory,
    graceMs: 10_000,
    isReady: () => takesWrites(uri),
  });
  return { ...localServer(port, origin, [server]), uri };
}
