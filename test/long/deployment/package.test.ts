import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Platform, startPlatform } from '../../support/platform.ts';

// The package as another project gets it: built, packed, installed there, and nothing of this checkout.

const root = fileURLToPath(new URL('../../../', import.meta.url));
const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
let project: string;
let platform: Platform;
let environment: Record<string, string>;
const workers: { readonly child: ChildProcess; output(): string }[] = [];

beforeAll(async () => {
  project = await realpath(await mkdtemp(path.join(tmpdir(), 'concord-package-')));
  await writeFile(
    path.join(project, 'package.json'),
    '{ "name": "shop", "private": true, "type": "module" }',
  );
  const tarball = await pack();
  const quietly = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await execa('npm', ['install', ...quietly, tarball], { cwd: project });

  platform = await startPlatform();
  await platform.stop('orders');
  await platform.stop('inventory');
  environment = {
    TEMPORAL_ADDRESS: platform.address,
    TEMPORAL_NAMESPACE: platform.namespace,
    MONGODB_URI: inject('mongodbUri'),
    ORDERS_DATABASE: platform.databases.orders.databaseName,
    INVENTORY_DATABASE: platform.databases.inventory.databaseName,
  };
}, 300_000);

afterAll(async () => {
  for (const { child } of workers) {
    if (child.exitCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await platform?.[Symbol.asyncDispose]();
  await rm(project, { recursive: true });
});

test('it is built when it is packed, and holds the build alone', async () => {
  const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  expect(scripts.prepack).toBe(scripts.build);
  const installed = path.join(project, 'node_modules/concord');
  expect((await readdir(installed)).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
  await expect(readdir(path.join(project, 'node_modules/tsx'))).rejects.toThrow('ENOENT');
});

test('it lists no file but those of the product, and installs nothing that only tools need', async () => {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const [packed] = JSON.parse((await execa('npm', args, { cwd: root })).stdout);
  const listed: string[] = packed.files.map(({ path: file }: { path: string }) => file);
  expect(listed).toContain('dist/workers/orders.js');
  const product =
    /^(LICENSE|README\.md|package\.json|dist\/(domain|workflows|activities|workers|platform|client|bundles)\/.+)$/;
  expect(listed.filter((file) => !product.test(file))).toEqual([]);
  const { optionalDependencies } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  expect(optionalDependencies).toBeUndefined();
  for (const name of ['execa', 'chart.js', 'get-port', 'mongodb-memory-server-core', '@temporalio/testing']) {
    await expect(readdir(path.join(project, 'node_modules', name)), name).rejects.toThrow('ENOENT');
  }
});

test('its compiled workers start, and bundle nothing', { timeout: 60_000 }, async () => {
  const spy = path.join(project, 'spy.cjs');
  await writeFile(spy, SPY);
  for (const service of ['orders', 'inventory'] as const) {
    const worker = runWorker(service, ['--require', spy]);
    await expect.poll(worker.output, { timeout: 30_000 }).toContain('worker started');
    expect(worker.output()).toContain('"bundlerFiles":0');
    expect(worker.output()).not.toContain('Workflow bundle created');
  }
});

// Says how much of the bundler is loaded by the time that the worker has started.
const SPY = `
const { write } = process.stdout;
process.stdout.write = function (text, ...rest) {
  if (String(text).includes('worker started')) {
    const files = Object.keys(require.cache).filter((file) => /webpack.lib.(Compiler|Compilation).js|@swc.core/.test(file));
    write.call(process.stdout, JSON.stringify({ bundlerFiles: files.length }) + '\\n');
  }
  return write.call(process.stdout, text, ...rest);
};
`;

describe('its typed client', () => {
  const program = `
import { Concord, ConcordError, type Placed } from 'concord';
import { createServiceWorker, type ServiceWorkerOptions, subscriptions } from 'concord/workers';

const { TEMPORAL_ADDRESS = '', TEMPORAL_NAMESPACE = '' } = process.env;
const concord = await Concord.connect({ connection: { address: TEMPORAL_ADDRESS }, namespace: TEMPORAL_NAMESPACE });
await concord.restock('TEA', 5);
const placed: Placed = await concord.place({ orderId: 'from-outside', customerId: 'c', lines: [{ sku: 'TEA', quantity: 2 }] });
const [level] = await concord.stock(['TEA']);
const refused = await concord.cancel('nobody-knows').catch((error: unknown) => (error instanceof ConcordError ? error.code : error));
await concord.close();
const options: Partial<ServiceWorkerOptions> = { subscriptions };
console.log(JSON.stringify({ placed, sold: level?.sold, refused, worker: typeof createServiceWorker, options: Object.keys(options) }));
`;
  // Where types were lost, everything would be allowed.
  const wrong = `
import { Concord } from 'concord';
import type { ServiceWorkerOptions } from 'concord/workers';
const concord = await Concord.connect();
const { status } = await concord.place({ customerId: 'c', lines: [{ sku: 'TEA', quantity: '2' }] });
export const confirmed: boolean = status;
const [level] = await concord.stock();
export const { sold } = level;
export const options: Partial<ServiceWorkerOptions> = { limits: 5 };
`;

  test('is checked and run by a TypeScript project', { timeout: 60_000 }, async () => {
    await write({ 'place.ts': program });
    const { stdout } = await execa(process.execPath, [tsc, ...OPTIONS, 'place.ts'], { cwd: project });
    expect(stdout).toBe('');
    const run = await execa(process.execPath, ['place.js'], { cwd: project, env: environment });
    expect(JSON.parse(run.stdout)).toEqual({
      placed: { orderId: 'from-outside', status: 'confirmed', joined: false },
      sold: 2,
      refused: 'UnknownOrder',
      worker: 'function',
      options: ['subscriptions'],
    });
  });

  test('refuses what has another type', { timeout: 60_000 }, async () => {
    await write({ 'wrong.ts': wrong });
    const { stdout } = await execa(process.execPath, [tsc, ...OPTIONS, 'wrong.ts'], {
      cwd: project,
      reject: false,
    });
    const lines = [...stdout.matchAll(/^wrong\.ts\((\d+),/gm)].map(([, line]) => Number(line));
    expect(lines, stdout).toEqual([5, 6, 8, 9]);
  });

  // A consumer's compiler, that doesn't look into libraries, and has no types of Node but what this says.
  const OPTIONS = [
    ...['--ignoreConfig', '--strict', '--noUncheckedIndexedAccess', '--skipLibCheck', '--types', ''],
    ...['--module', 'nodenext', '--target', 'es2023', 'node.d.ts'],
  ];
  const write = async (files: Record<string, string>) => {
    const node = 'declare const process: { env: Record<string, string | undefined> };';
    const console = 'declare const console: { log(text: string): void };';
    for (const [name, text] of Object.entries({ ...files, 'node.d.ts': `${node}\n${console}\n` })) {
      await writeFile(path.join(project, name), text);
    }
  };
});

describe('its command', () => {
  test('is there for npx', async () => {
    const { stdout, exitCode } = await execa('npx', ['--no-install', 'concord', '--help'], { cwd: project });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Usage: concord')]);
  });

  test('places orders, and tells about them', async () => {
    expect(await concord('restock', 'CUP', '3')).toMatchObject({ exitCode: 0 });
    const placed = await concord(
      'place',
      '--order-id',
      'by-command',
      '--sku',
      'CUP:2',
      '--customer',
      'alice',
    );
    expect(placed).toMatchObject({ exitCode: 0, stderr: '' });
    const status = await concord('status', 'by-command');
    expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('confirmed') });
  });

  test('tells what to do, with the exit codes of every installation', async () => {
    const cases = [
      [1, /out of stock/, 'place', '--sku', 'CUP:9', '--customer', 'alice'],
      [2, /--sku/, 'place', '--sku', 'CUP'],
      [3, /can't be reached/, '--address', '127.0.0.1:9', 'status', 'by-command'],
    ] as const;
    for (const [exitCode, words, ...args] of cases) {
      const told = await concord(...args);
      expect([told.exitCode, told.stdout + told.stderr]).toEqual([exitCode, expect.stringMatching(words)]);
      expect(told.stderr).not.toMatch(/^\s+at /m);
    }
    expect((await concord('doctor')).exitCode).toBe(0);
  });

  test('says where the comparison is, which is no part of the package', async () => {
    const told = await concord('compare', '--only', 'performance');
    expect(told).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/^.*npm run compare.*$/),
    });
  });
});

/** Builds and packs this checkout, and returns the file. */
async function pack(): Promise<string> {
  await execa(process.execPath, ['tools/build.mjs'], { cwd: root });
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', project];
  const { stdout } = await execa('npm', args, { cwd: root });
  return path.join(project, stdout.trim());
}

function runWorker(service: string, nodeArguments: readonly string[]) {
  const file = path.join(project, `node_modules/concord/dist/workers/${service}.js`);
  const child = spawn(process.execPath, [...nodeArguments, file], {
    cwd: project,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'], // it ends with the channel
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (output += data));
  const worker = { child, output: () => output };
  workers.push(worker);
  return worker;
}

async function concord(...args: string[]) {
  const bin = path.join(project, 'node_modules/.bin/concord');
  const { exitCode, stdout, stderr } = await execa(bin, args, {
    ...{ cwd: project, env: environment, reject: false, input: '' },
  });
  return { exitCode, stdout, stderr };
}
