import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NoServerError } from '../../../tools/servers/attempts.ts';
import { findMongoDB, startMongoDB } from '../../../tools/servers/mongodb.ts';
import { postgresBinary } from '../../../tools/servers/postgres-tree.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor } from '../../../tools/servers/supervisor.ts';
import { findTemporal } from '../../../tools/servers/temporal.ts';
import { timeSkippingServer } from '../../../tools/servers/time-skipping.ts';
import { bareMachine, keepingReport, removeDirectory } from '../../system/dev/support.ts';

// Programs that can't run: small scripts that end as those do.

let directories: string[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(directories.map(removeDirectory));
  directories = [];
});

const SIGILL = 'kill -ILL $$';
const NO_LIBRARY = 'echo "error while loading shared libraries: libssl.so.3: cannot open" >&2; exit 127';

describe('a program that can not run gives way to the next way, and one line says why', () => {
  it.each([
    ['by SIGILL', SIGILL, /ended by SIGILL/],
    ['for want of a library', NO_LIBRARY, /exit code 127 \(.*libssl\.so\.3/],
    ['because it is for another processor', '\u007fELF no machine', /mongod --version` /],
  ])('mongod on PATH that ends %s', async (_, script, why) => {
    const directory = await bare({ mongod: script });
    await cacheFerretDB(directory);
    const { report, lines } = keepingReport();
    expect(await findMongoDB(report)).toMatchObject({ command: path.join(directory, 'cache', FERRETDB) });
    expect(lines).toEqual([expect.stringMatching(why)]);
    expect(lines[0]).toMatch(/^Passing over `mongod` on PATH: .*Next: an earlier install of FerretDB$/);
  });

  it('an earlier download of mongod, and FerretDB whose PostgreSQL ends so; all are named if nothing is left', async () => {
    const directory = await bare();
    await cached(directory, 'mongod/mongod', SIGILL);
    await cacheFerretDB(directory, SIGILL);
    const error = await findMongoDB(silentReport).catch((error: unknown) => error);
    if (!(error instanceof NoServerError)) throw error;
    const [onPath, ...others] = error.tried.map(({ reason }) => reason);
    expect(onPath).toBe('not there');
    const programs = ['mongod', 'postgres', 'mongod', 'postgres'];
    expect(others).toEqual(
      programs.map((name) => expect.stringContaining(`${name} --version\` ended by SIGILL`)),
    );
  });

  it('mongod on PATH that says its version and then can not start is named, with what to do', async () => {
    const directory = await bare({ mongod: `[ "$1" = --version ] || ${SIGILL}` });
    const program = path.join(directory, 'mongod');
    const supervisor = await createSupervisor();
    const options = { supervisor, directory: path.join(directory, 'data'), keepData: false };
    const started = startMongoDB({ ...options, report: silentReport });
    await expect(started.finally(supervisor.stop)).rejects.toThrow(
      [
        'mongod ended while starting (SIGILL).',
        'It printed nothing.',
        `If ${program} can't run here, replace or remove it, and the next way to get one is tried.`,
      ].join('\n'),
    );
  });

  it('temporal on PATH that ends by SIGILL', async () => {
    const directory = await bare({ temporal: SIGILL });
    const command = await cached(directory, TEMPORAL, 'exit 0');
    const { report, lines } = keepingReport();
    expect(await findTemporal(report)).toMatchObject({ command });
    expect(lines).toEqual([
      expect.stringMatching(/^Passing over `temporal` on PATH: .*SIGILL.*Next: an earlier build$/),
    ]);
  });

  it('a time-skipping server from an earlier download', async () => {
    const directory = await bare();
    await cached(directory, 'time-skipping-server/time-skipping-server', SIGILL);
    const next = await cached(directory, 'time-skipping-server-java-1.38.0/time-skipping-server', 'exit 0');
    const { report, lines } = keepingReport();
    expect(await timeSkippingServer(report)).toMatchObject({ path: next });
    expect(lines).toEqual([
      expect.stringMatching(/^Passing over an earlier download: .*SIGILL.*Next: an earlier install$/),
    ]);
  });
});

describe('a temporal on PATH', () => {
  it.each([
    'temporal version 0.10.4 (server 1.21.0) (ui 2.15.0)',
    'temporal version 1.1.2 (Server 1.25.2, UI 2.31.2)',
  ])('that is too old gives way, naming its version and the one that is needed: %s', async (version) => {
    const directory = await bare({ temporal: `echo '${version}'` });
    const command = await cached(directory, TEMPORAL, 'exit 0');
    const { report, lines } = keepingReport();
    expect(await findTemporal(report)).toMatchObject({ command });
    const [, server] = /server (\S+\d)/i.exec(version) ?? [];
    expect(lines).toEqual([expect.stringContaining(`its server is ${server}, and update-with-start`)]);
    expect(lines[0]).toMatch(/needs 1\.26\.2; .*Temporal CLI 1\.2\.0 or newer\. Next: an earlier build$/);
  });

  it.each([
    'temporal version 1.2.0 (Server 1.26.2, UI 2.34.0)',
    'temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)',
    'temporal version 1.6.1-server-1.31.0-150.0 (Server 1.31.0-150.0, UI 2.45.0)',
  ])('that is new enough is used: %s', async (version) => {
    const directory = await bare({ temporal: `echo '${version}'` });
    const { report, lines } = keepingReport();
    expect(await findTemporal(report)).toMatchObject({ command: path.join(directory, 'temporal') });
    expect(lines).toEqual([]);
  });
});

const TEMPORAL = 'temporal-v1.5.1/temporal';
const FERRETDB = 'ferretdb-v2.7.0/ferretdb';

async function bare(programs: Record<string, string> = {}): Promise<string> {
  const directory = await bareMachine(programs);
  directories.push(directory);
  return directory;
}

async function cacheFerretDB(directory: string, postgres = 'exit 0'): Promise<void> {
  await cached(directory, FERRETDB, 'exit 0');
  await cached(directory, postgresBinary('postgresql-18-documentdb', 'postgres'), postgres);
}

/** Puts a program into the cache, as an earlier run would have. */
async function cached(directory: string, program: string, script: string): Promise<string> {
  const file = path.join(directory, 'cache', program);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}
