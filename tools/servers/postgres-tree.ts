import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import pMap from 'p-map';
import { UnavailableError } from './attempts.ts';
import { remove } from './cache.ts';
import { run } from './programs.ts';

// PostgreSQL with DocumentDB, from Debian's packages, in a directory of its own: no root, no chroot, nothing installed.
// apt works on a private state, the packages are only unpacked, and the programs run through the tree's own loader.

const PACKAGE = 'postgresql-18-documentdb';
const PROGRAMS = ['postgres', 'initdb', 'psql'];
const KEYRINGS = ['gpg', 'pgp'].map((kind) => `/usr/share/keyrings/debian-archive-keyring.${kind}`);

export const MONGOD_INSTEAD =
  'install MongoDB itself (`mongod` on PATH: https://www.mongodb.com/docs/manual/installation/) or set MONGODB_URI';

/** Fills a directory with PostgreSQL 18, DocumentDB, and every library that they need. @throws {UnavailableError} */
export async function installPostgres(directory: string): Promise<void> {
  const apt = path.join(directory, 'apt');
  const unpacked = path.join(directory, 'unpacked');
  const packages = await downloadPackages(apt);
  await unpack(packages, unpacked);
  await keepWhatRuns(unpacked, directory);
  await Promise.all([remove(apt), remove(unpacked)]);
  await makeRelocatable(directory);
  await verify(directory);
}

export function postgresBinary(tree: string, program: string): string {
  return path.join(tree, 'usr/lib/postgresql/18/bin', program);
}

async function downloadPackages(directory: string): Promise<string[]> {
  const next = `use a Debian with access to its archive, or ${MONGOD_INSTEAD}`;
  const configuration = await writeAptConfiguration(directory);
  const apt = (timeout: number, ...args: string[]) =>
    run('apt-get', ['-q', '-c', configuration, ...args], { directory, timeout, next, env: { LC_ALL: 'C' } });

  // The mirror that this machine gets its own release of Debian from.
  const release = new RegExp(`'([^']+?)/?/dists/${await codename()}/InRelease'`);
  const mirror = release.exec(await apt(20_000, '--print-uris', 'update'))?.[1];
  if (mirror === undefined) throw new UnavailableError('apt has no source of Debian packages', next);
  const source = path.join(directory, 'sources.list');
  const keyring = KEYRINGS.find((file) => existsSync(file));
  const signature = keyring === undefined ? '' : `[signed-by=${keyring}] `;
  // The package is in Debian's unstable suite only.
  await writeFile(source, `deb ${signature}${mirror} sid main\n`);
  const sources = ['-o', `Dir::Etc::SourceList=${source}`, '-o', `Dir::Etc::SourceParts=${directory}/none`];
  await apt(120_000, ...sources, 'update');
  await apt(600_000, ...sources, '--yes', '--download-only', 'install', PACKAGE);

  const archives = path.join(directory, 'cache/archives');
  const names = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  return names.map((name) => path.join(archives, name));
}

/** Gives apt a state of its own, in which nothing is installed yet: so every dependency is downloaded. */
async function writeAptConfiguration(directory: string): Promise<string> {
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'none']) {
    await mkdir(path.join(directory, part), { recursive: true });
  }
  await writeFile(path.join(directory, 'status'), '');
  const file = path.join(directory, 'apt.conf');
  const lines = [
    `Dir::State "${directory}/state";`,
    `Dir::State::status "${directory}/status";`,
    `Dir::Cache "${directory}/cache";`,
    `Dir::Log "${directory}";`,
    // The machine's own pinning is about the machine's own packages.
    'Dir::Etc::Preferences "/dev/null";',
    `Dir::Etc::PreferencesParts "${directory}/none";`,
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'Acquire::Retries "1";',
    'Acquire::http::Timeout "15";',
    'Acquire::https::Timeout "15";',
    // A mirror's release file may be past its date, or this machine's clock off; signatures are still checked.
    'Acquire::Check-Valid-Until "false";',
    'Acquire::Check-Date "false";',
    // The account that apt downloads as cannot write below a private home.
    'APT::Sandbox::User "root";',
    // The machine's hooks are for its own updates.
    ...['APT::Update', 'DPkg'].flatMap((scope) =>
      ['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map((hook) => `#clear ${scope}::${hook};`),
    ),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

async function codename(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  if (!/^ID=debian$/m.test(release)) return 'none';
  return /^VERSION_CODENAME=(\S+)$/m.exec(release)?.[1] ?? 'sid';
}

async function unpack(packages: readonly string[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const options = { directory, timeout: 120_000, next: MONGOD_INSTEAD };
  await pMap(packages, (file) => run('dpkg-deb', ['--extract', file, directory], options), {
    concurrency: availableParallelism(),
  });
}

async function keepWhatRuns(unpacked: string, directory: string): Promise<void> {
  const libraries = path.join('usr/lib', await triplet(unpacked));
  await mkdir(path.join(directory, 'usr/lib'), { recursive: true });
  await mkdir(path.join(directory, 'usr/share'), { recursive: true });
  for (const part of [libraries, 'usr/lib/postgresql', 'usr/share/postgresql']) {
    await rename(path.join(unpacked, part), path.join(directory, part));
  }
}

/** The name of the architecture, by which Debian's libraries are filed. */
async function triplet(tree: string): Promise<string> {
  const found = (await readdir(path.join(tree, 'usr/lib'))).find((name) => name.includes('-linux-gnu'));
  if (found === undefined) throw new UnavailableError('Debian’s packages have no libraries', MONGOD_INSTEAD);
  return found;
}

/** Puts in front of each program a script that runs it with the libraries of the tree, wherever that lies. */
async function makeRelocatable(tree: string): Promise<void> {
  const { loader, libraryPath } = await findLoader(tree, '$tree');
  for (const program of PROGRAMS) {
    const file = postgresBinary(tree, program);
    await rename(file, `${file}.original`);
    const lines = [
      '#!/bin/sh',
      'bin=$(cd "$(dirname "$0")" && pwd -P)',
      'tree=$(cd "$bin/../../../../.." && pwd -P)',
      // PostgreSQL finds its other programs and its data files from the path that it believes to be its own.
      `exec "${loader}" --library-path "${libraryPath}" --argv0 "$bin/${program}" "$bin/${program}.original" "$@"`,
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    await chmod(file, 0o755);
  }

  // Debian links this at installation, to the one of several versions that it prefers.
  const extensions = path.join(tree, 'usr/share/postgresql/18/extension');
  const postgis = (await readdir(extensions)).find((name) => /^postgis-\d+\.control$/.test(name));
  if (postgis) await rename(path.join(extensions, postgis), path.join(extensions, 'postgis.control'));
}

/** The tree's dynamic loader and library path, under the name `root` for the tree. */
async function findLoader(tree: string, root: string) {
  const own = path.join('usr/lib', await triplet(tree));
  const loader = (await readdir(path.join(tree, own))).find((name) => /^ld-linux.*\.so\.\d+$/.test(name));
  if (loader === undefined)
    throw new UnavailableError('Debian’s packages have no dynamic loader', MONGOD_INSTEAD);
  const libraries = `${root}/${own}`;
  // BLAS and LAPACK lie apart, because Debian lets one choose among several.
  const postgres = `${root}/usr/lib/postgresql/18/lib`;
  const libraryPath = [libraries, `${libraries}/blas`, `${libraries}/lapack`, postgres].join(':');
  return { loader: `${libraries}/${loader}`, libraryPath };
}

/** A tree that lacks a library must not get into the cache. */
async function verify(tree: string): Promise<void> {
  const options = { directory: tree, timeout: 20_000, next: MONGOD_INSTEAD };
  await run(postgresBinary(tree, 'postgres'), ['--version'], options);
  const { loader, libraryPath } = await findLoader(tree, tree);
  for (const library of ['pg_documentdb.so', 'postgis-3.so']) {
    const file = path.join(tree, 'usr/lib/postgresql/18/lib', library);
    const needed = await run(loader, ['--library-path', libraryPath, '--list', file], options);
    const missing = /^\s*(\S+) => not found/m.exec(needed)?.[1];
    if (missing) throw new UnavailableError(`${library} lacks ${missing}`, MONGOD_INSTEAD);
  }
}
