import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { searchAttributeTypes } from '../../../domain/search-attributes.ts';
import { settingNames } from '../../../platform/settings/catalogue.ts';
import { STOP_LIMITS } from '../../../workers/ending.ts';
import { readSettings } from '../../../workers/settings.ts';

// What can be told from the files, without a Docker daemon.

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly pull_policy?: string;
  readonly command?: readonly string[];
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly healthcheck?: object;
  readonly deploy?: { readonly resources?: { readonly limits?: object } };
}

const root = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const exists = (path: string) => existsSync(fileURLToPath(new URL(path, root)));

const compose: string = read('docker-compose.yml');
const { services, volumes: namedVolumes } = parse(compose, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const dockerfile = read('Dockerfile');
/** The Dockerfile's instructions, each on one line and without comments. */
const instructions = dockerfile
  .replace(/^\s*#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter(Boolean);
const commandOf = (service: Service): string => service.command?.join(' ') ?? '';
const workers = Object.entries(services).filter(([, service]) =>
  commandOf(service).includes('dist/workers/'),
);

describe('every container', () => {
  test.each(Object.entries(services))('%s is restricted, limited and restarted', (_name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: expect.stringMatching(/^(unless-stopped|on-failure)$/),
      deploy: {
        resources: {
          limits: { cpus: expect.any(String), memory: expect.any(String), pids: expect.any(Number) },
        },
      },
    });
  });

  test.each(Object.entries(services))('%s is of an exact version', (_name, { image }) => {
    expect(image).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  test.each(Object.entries(services))('%s is reachable from this machine only', (_name, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test.each(Object.entries(services))(
    '%s says whether it is healthy, or is waited for until it is done',
    (name, service) => {
      const isOurs = Object.values(services).some(({ build, image }) => build && image === service.image);
      const inImage = isOurs && instructions.some((line) => line.startsWith('HEALTHCHECK'));
      const waitedFor = Object.values(services).map((other) => other.depends_on?.[name]?.condition);
      if (service.restart === 'on-failure') expect(waitedFor).toContain('service_completed_successfully');
      else expect(service.healthcheck !== undefined || inImage).toBe(true);
    },
  );

  test.each(Object.entries(services))(
    '%s waits for what it needs to be ready',
    (_name, { depends_on = {} }) => {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect(services).toHaveProperty(other);
        expect(condition).toMatch(/^service_(healthy|completed_successfully)$/);
      }
    },
  );

  test.each(Object.entries(services))('%s mounts what exists', (_name, { volumes = [] }) => {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (!source.startsWith('.')) expect(namedVolumes).toHaveProperty(source);
      else expect(exists(source), source).toBe(true);
    }
  });
});

describe('a worker', () => {
  test('there is one for each service', () => {
    expect(workers.map(([name]) => name).sort()).toEqual(['inventory', 'orders']);
  });

  test.each(workers)('%s runs its own program', (name, service) => {
    expect(commandOf(service)).toBe(`node --max-old-space-size=512 dist/workers/${name}.js`);
    expect(exists(`workers/${name}.ts`)).toBe(true);
  });

  test.each(workers)('%s has nowhere to write a program that it could run', (_name, { tmpfs = [] }) => {
    // Docker's tmpfs doesn't let anything in it be run, unless it is told to.
    expect(tmpfs).toEqual(['/tmp']);
  });

  test.each(workers)('%s gets the credentials of its own database only', (name, service) => {
    const other = name === 'orders' ? 'inventory' : 'orders';
    const environment = JSON.stringify(service.environment);
    expect(secretsIn(environment)).toEqual([`${name.toUpperCase()}_MONGODB_PASSWORD`]);
    expect(environment).not.toContain(other);

    const { databases } = readSettings(resolved(service));
    const uri = new URL(databases[name as 'orders' | 'inventory'].uri);
    expect([uri.username, uri.pathname]).toEqual([name, `/${name}`]);
    expect(databases[name as 'orders' | 'inventory'].name).toBe(name);
  });

  test.each(workers)('%s is given only settings that exist', (_name, service) => {
    const given = [...Object.keys(service.environment ?? {}), ...imageSettings()];
    const known = new Set(settingNames);
    for (const name of namesRead((variables) => loadClientConnectConfig({ overrideEnvVars: variables }))) {
      known.add(name);
    }
    for (const name of given) expect(known).toContain(name);
  });

  test.each(workers)('%s finds Temporal where the compose file starts it', (_name, service) => {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: resolved(service) });
    expect(connectionOptions.address).toBe('temporal:7233');
    expect(namespace).toBe(services['temporal-namespace']?.environment?.TEMPORAL_NAMESPACE);
  });

  test.each(workers)('%s shows its metrics, at a port of its own on this machine', (name, service) => {
    const { metrics } = readSettings(resolved(service));
    expect(metrics?.host).toBe('0.0.0.0');
    const variable = `${name.toUpperCase()}_METRICS_PORT`;
    const [published = ''] = service.ports ?? [];
    expect(interpolated(published, { [variable]: '1234' })).toBe(`127.0.0.1:1234:${metrics?.port}`);
    const ports = workers.map(([, { ports = [] }]) => interpolated(ports[0] ?? ''));
    expect(new Set(ports).size).toBe(workers.length);
  });

  test.each(workers)('%s is a version of its own deployment where the build has an id', (name, service) => {
    expect(readSettings(resolved(service)).version).toBeUndefined();
    expect(readSettings(resolved(service, { TEMPORAL_WORKER_BUILD_ID: '2' })).version).toEqual({
      deploymentName: `concord-${name}`,
      buildId: '2',
    });
  });

  test.each(workers)('%s is killed later than it ends by itself', (_name, { stop_grace_period = '0s' }) => {
    expect(Number.parseInt(stop_grace_period, 10) * 1_000).toBeGreaterThan(STOP_LIMITS.process);
  });

  test('its image is built once, from this checkout, before any worker starts', () => {
    const builders = Object.entries(services).filter(([, { build }]) => build !== undefined);
    expect(builders).toHaveLength(1);
    const [[builder, { image, pull_policy }] = ['', { image: '', pull_policy: '' }]] = builders;
    expect(pull_policy).toBe('build');
    for (const [, worker] of workers) {
      expect(worker).toMatchObject({ image, pull_policy: 'never' });
      // Also where one worker alone is brought up.
      expect(worker.depends_on?.[builder]).toEqual({ condition: 'service_completed_successfully' });
    }
  });
});

describe('the secrets', () => {
  const variables = [...compose.matchAll(/\$\{(\w+)(:?[-?])([^}]*)\}/g)].map(([, name, operator, text]) => ({
    name,
    operator,
    text,
  }));

  test('each has to be set, and the message says how', () => {
    for (const { name = '', operator, text } of variables.filter(({ name }) => name?.endsWith('PASSWORD'))) {
      expect([name, operator, text]).toEqual([name, ':?', 'copy .env.example to .env and fill it in']);
    }
    expect(compose).not.toMatch(/(PASSWORD|PWD): (?!\$\{)/);
  });

  test('the example names every variable, and holds no secret', () => {
    const example = Object.fromEntries(
      [...read('.env.example').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(Object.keys(example).sort()).toEqual([...new Set(variables.map(({ name }) => name))].sort());
    for (const [name, value] of Object.entries(example))
      if (name.endsWith('PASSWORD')) expect(value).toBe('');
  });
});

describe('the image', () => {
  test('starts from an exact version, on glibc', () => {
    const bases = instructions.filter((line) => line.startsWith('FROM '));
    expect(new Set(bases.map((line) => line.split(' ')[1])).size).toBe(1);
    expect(bases[0]).toMatch(/^FROM node:24\.\d+\.\d+-bookworm-slim\b/);
  });

  test('has the command line, for whoever looks into a container', () => {
    const link = instructions.find((line) => line.includes('/usr/local/bin/concord')) ?? '';
    const { bin } = JSON.parse(read('package.json')) as { bin: { concord: string } };
    expect(link).toBe(`RUN ln -s /app/${bin.concord} /usr/local/bin/concord`);
  });

  test("doesn't run as root", () => {
    const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));
    expect(last.filter((line) => line.startsWith('USER '))).toEqual(['USER node']);
  });

  test('starts the worker itself, so that a signal reaches it', () => {
    const command = instructions.find((line) => line.startsWith('CMD '))?.slice('CMD '.length) ?? '';
    expect(JSON.parse(command)).toEqual(['node', 'dist/workers/orders.js']);
  });

  test('copies what exists and what isn’t ignored', () => {
    const ignored = read('.dockerignore').split('\n');
    expect(ignored).toContain('*');
    const sources = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    for (const source of sources) {
      expect(exists(source), source).toBe(true);
      expect(ignored).toContain(`!${source}`);
    }
    // Everything that is compiled is in there.
    const { files } = parse(read('tsconfig.build.json').replace(/^\s*\/\/.*$/gm, '')) as { files: string[] };
    for (const file of files) expect(sources).toContain(file.split('/')[0]);
    for (const folder of ['workflows', 'activities', 'domain']) expect(sources).toContain(folder);
  });

  test('copies folders of the product, and no others', () => {
    const folders = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
      .filter((source) => !/\.json$/.test(source));
    expect(folders.sort()).toEqual(['activities', 'client', 'domain', 'platform', 'workers', 'workflows']);
    const { files } = parse(read('tsconfig.build.json').replace(/^\s*\/\/.*$/gm, '')) as { files: string[] };
    expect(files.filter((file) => !folders.includes(file.split('/')[0] ?? ''))).toEqual([]);
  });

  test('holds the build and what it needs at run time, and neither sources nor their compilers', () => {
    const [build = [], last = [], ...others] = stages();
    expect(others).toEqual([]);
    const steps = build.filter((line) => line.startsWith('RUN ')).map((line) => line.slice('RUN '.length));
    expect(steps).toEqual([
      expect.stringMatching(/^npm ci --ignore-scripts/),
      'node workers/build-package.mjs',
      expect.stringMatching(/^npm prune --omit=dev --omit=optional/),
    ]);
    const copied = last.filter((line) => line.startsWith('COPY ')).map((line) => line.split(' ').at(-1));
    expect(copied.sort()).toEqual(['./', './dist', './node_modules']);
  });
});

/** The image's instructions, stage by stage. */
function stages(): string[][] {
  const found: string[][] = [];
  for (const line of instructions) {
    if (line.startsWith('FROM ')) found.push([]);
    found.at(-1)?.push(line);
  }
  return found;
}

test('the health check of MongoDB starts no mongosh by itself', () => {
  const { healthcheck, volumes } = services.mongodb ?? {};
  expect(healthcheck).toMatchObject({ test: ['CMD', 'bash', '/concord/health.sh'] });
  for (const file of ['health.sh', 'health.js'])
    expect(volumes).toContain(`./deploy/mongodb/${file}:/concord/${file}:ro`);
});

test('the namespace gets every search attribute of an order', () => {
  const script = read('deploy/temporal/prepare-namespace.sh');
  const created = [...script.matchAll(/--name (\w+) --type (\w+)/g)].map(([, name, type]) => [name, type]);
  expect(Object.fromEntries(created)).toEqual(searchAttributeTypes);
});

/** The names of the password variables in a text. */
function secretsIn(text: string): string[] {
  return [...text.matchAll(/\$\{(\w*PASSWORD)\b/g)].map(([, name]) => name ?? '');
}

/** A service's environment as Docker Compose hands it over, every password being `secret`. */
function resolved(
  { environment = {} }: Service,
  variables: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, interpolated(String(value), variables)]),
  );
}

/** As Docker Compose does it, where nothing is set but these; what is required is `secret`. */
function interpolated(text: string, variables: Readonly<Record<string, string>> = {}): string {
  return text.replace(/\$\{(\w+):([-?+])([^}]*)\}/g, (_all, name: string, operator: string, word: string) => {
    const value = variables[name] ?? (operator === '?' ? 'secret' : '');
    if (operator === '+') return value === '' ? '' : word;
    return value || word;
  });
}

/** What the image itself sets and no other program reads. */
function imageSettings(): string[] {
  return instructions
    .filter((line) => line.startsWith('ENV '))
    .flatMap((line) => [...line.matchAll(/(\w+)=/g)].map(([, name]) => name ?? ''))
    .filter((name) => name !== 'NODE_ENV');
}

/** The names of the variables that this function looks up. */
function namesRead(reader: (variables: Record<string, string>) => unknown): string[] {
  const names: string[] = [];
  const note = (name: string | symbol): void => {
    if (typeof name === 'string') names.push(name);
  };
  const variables: Record<string, string> = {};
  reader(
    new Proxy(variables, {
      get: (_target, name) => note(name),
      has: (_target, name) => {
        note(name);
        return false;
      },
    }),
  );
  return names;
}
