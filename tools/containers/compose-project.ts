import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { execa } from 'execa';
import getPort from 'get-port';
import { MongoClient } from 'mongodb';
import pRetry from 'p-retry';
import type { ServiceName } from '../../domain/services.ts';
import type { Program } from '../measure/program.ts';
import type { Sources } from '../measure/state.ts';
import { ServersError, UnavailableError } from '../servers/attempts.ts';
import { signal, withDescendants } from '../servers/processes.ts';
import { run } from '../servers/programs.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Says why no containers can be run here; undefined if they can. */
export async function lackOfEngine(): Promise<string | undefined> {
  const options = { directory: root, timeout: 30_000, next: 'start Docker Engine, with Compose v2' };
  try {
    await run('docker', ['version'], options);
    await run('docker', ['compose', 'version'], options);
    return undefined;
  } catch (error) {
    if (error instanceof UnavailableError) return error.message;
    throw error;
  }
}

export type ComposeProject = Awaited<ReturnType<typeof createProject>>;

/** The compose file with a name, ports and passwords of its own, so that it meets no other project on this machine. */
export async function createProject({ cleanUp }: Pick<Program, 'cleanUp'>) {
  const name = `concord-test-${randomUUID().slice(0, 8)}`;
  const settings = await ownSettings();
  const { docker, endCommands } = createDocker(settings);
  // Without the user's own .env and override file: what is tested is what is in the repository.
  const own = ['--project-name', name, '--file', 'docker-compose.yml', '--env-file', '.env.example'];
  const attempt = (...args: string[]) => docker('compose', [...own, ...args]);
  const compose = async (...args: string[]) => outputOf(await attempt(...args), args);
  const idOf = (service: string) => compose('ps', '--quiet', service);
  let ownImage: string | undefined;

  cleanUp(async () => {
    // What still runs would start again what is removed.
    await endCommands();
    // Nobody needs them to end in good order any more.
    await compose('down', '--volumes', '--remove-orphans', '--timeout', '5');
    if (ownImage !== undefined) outputOf(await docker('image', ['rm', ownImage]), ['rm', ownImage]);
  });

  return {
    name,
    address: `127.0.0.1:${settings.TEMPORAL_PORT}`,
    /** Its image is removed in the end, unless there was one of that name before. */
    async build() {
      const image = await compose('config', '--images', 'worker-image');
      const { failed: isNew } = await docker('image', ['inspect', image]);
      await compose('build');
      if (isNew) ownImage = image;
    },
    async up() {
      const { failed, all } = await attempt('up', '--detach', '--wait');
      if (!failed) return;
      const logs = await attempt('logs', '--no-color', '--tail', '10');
      throw new ServersError(`The containers don't start: ${lastLines(all)}\n${logs.all}`);
    },
    down: () => compose('down'),
    restart: (service: string) => compose('restart', service),
    /** Kills all that runs in a container, as a lack of memory would, and waits until it is started again. */
    async kill(service: ServiceName) {
      const id = await idOf(service);
      // It kills itself as well, so how it ends says nothing.
      await attempt('exec', '--no-TTY', service, 'sh', '-c', 'kill -KILL -1');
      const look = async () => {
        const { stdout } = await docker('inspect', ['--format', '{{.RestartCount}}', id]);
        if (!(Number(stdout) > 0)) throw new ServersError(`Nobody starts ${service} again, which was killed`);
      };
      await pRetry(look, { retries: 60, factor: 1, minTimeout: 500 });
    },
    /** Runs a command of the image's own command line, and returns its document, whatever its exit code is. */
    async concord<Document>(...args: string[]): Promise<Document> {
      const result = await attempt('exec', '--no-TTY', 'orders', 'concord', '--json', ...args);
      return JSON.parse(result.stdout || outputOf(result, ['concord', ...args])) as Document;
    },
    /** Nobody outside reaches the databases' network, so each connection goes through a command in their container. */
    async withDatabases<Result>(read: (databases: Sources['databases']) => Promise<Result>): Promise<Result> {
      const id = await idOf('mongodb');
      const server = createServer((socket) => {
        const { stdin, stdout } = spawn('docker', ['exec', '--interactive', id, 'bash', '-c', CARRY], {
          stdio: ['pipe', 'pipe', 'ignore'],
        });
        pipeline(socket, stdin, () => {});
        pipeline(stdout, socket, () => {});
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const clientOf = (service: ServiceName) => {
        const password = settings[`${service.toUpperCase()}_MONGODB_PASSWORD`];
        const way = `127.0.0.1:${port}/${service}?directConnection=true`;
        return new MongoClient(`mongodb://${service}:${password}@${way}`);
      };
      const [orders, inventory] = [clientOf('orders'), clientOf('inventory')];
      try {
        return await read({ orders: orders.db(), inventory: inventory.db() });
      } finally {
        await orders.close();
        await inventory.close();
        server.close();
      }
    },
  };
}

/** Carries what comes to MongoDB, and its answers back. */
const CARRY = 'exec 3<> /dev/tcp/127.0.0.1/27017; cat <&3 & cat >&3; kill $!';

/** Every setting of .env.example, with passwords and ports of its own. Variables go before a file. */
async function ownSettings() {
  const settings = parseEnv(await readFile(`${root}.env.example`, 'utf8')) as Record<string, string>;
  for (const name of Object.keys(settings)) {
    if (name.endsWith('_PASSWORD')) settings[name] = randomBytes(24).toString('hex');
    if (name.endsWith('_PORT')) settings[name] = String(await getPort({ host: '127.0.0.1' }));
  }
  return settings;
}

// Milliseconds: enough to pull every image over a slow line. Containers that wait for one that never is ready wait for ever.
const LIMIT = 30 * 60_000;

type Ended = Awaited<ReturnType<ReturnType<typeof createDocker>['docker']>>;

function createDocker(env: Record<string, string>) {
  const running = new Set<ReturnType<typeof start>>();
  const start = (args: readonly string[]) =>
    execa('docker', args, { cwd: root, env, stdin: 'ignore', all: true, reject: false, timeout: LIMIT });
  return {
    async docker(command: string, args: readonly string[]) {
      const child = start([command, ...args]);
      running.add(child);
      return child.finally(() => running.delete(child));
    },
    async endCommands() {
      const children = [...running];
      // Older versions of `docker` don't tell `docker compose`, which is a process of its own.
      for (const pid of await withDescendants(children.map(({ pid = 0 }) => pid))) signal(pid, 'SIGTERM');
      await Promise.all(children);
    },
  };
}

/** @throws {ServersError} with what the command printed last, if it failed */
function outputOf(result: Ended, args: readonly string[]): string {
  if (!result.failed) return result.stdout;
  const how = result.timedOut ? 'took too long' : 'failed';
  throw new ServersError(`\`docker … ${args.join(' ')}\` ${how}: ${lastLines(result.all)}`);
}

const lastLines = (text: string) => text.trim().split('\n').slice(-10).join('\n');
