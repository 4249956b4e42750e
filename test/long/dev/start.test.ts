import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { execa } from 'execa';
import getPort from 'get-port';
import { expect, test } from 'vitest';
import { Concord } from '../../../client/concord.ts';
import type { SampleResults } from '../../../tools/start/samples.ts';
import { processesWith } from '../../system/dev/support.ts';

// `npm start` as a user runs it: a process of its own.

test('every sample order ends as expected, and the stock says the same', { timeout: 120_000 }, async () => {
  const [one, other] = await Promise.all([start(['--once', '--json']), start(['--once', '--json'])]);
  for (const { exitCode, stdout, stderr } of [one, other]) {
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const results = JSON.parse(stdout) as SampleResults;
    expect(results.asExpected).toBe(true);
    expect(Object.fromEntries(results.orders.map(({ orderId, status }) => [orderId, status]))).toEqual({
      'sample-one-line': 'confirmed',
      'sample-several-lines': 'confirmed',
      'sample-out-of-stock': 'rejected',
      'sample-unknown-sku': 'rejected',
      'sample-cancelled': 'cancelled',
    });
    expect(
      results.stock.map(({ sku, available, reserved, sold }) => [sku, available, reserved, sold]),
    ).toEqual([
      ['COFFEE-BEANS-1KG', 118, 0, 2],
      ['ESPRESSO-MACHINE', 2, 0, 1],
      ['GRINDER', 7, 0, 1],
      ['MILK-JUG', 38, 0, 2],
      ['PAPER-FILTER-100', 200, 0, 0],
    ]);
  }
  // Side by side, they were two.
  expect(JSON.parse(one.stdout).webUi).not.toBe(JSON.parse(other.stdout).webUi);
});

test('METRICS_PORT and HEALTH_PORT are those of the first worker, and the second says where it is', {
  timeout: 200_000,
}, async () => {
  const [metrics, health] = [await getPort(), await getPort()];
  const child = execa(process.execPath, ['tools/run.mjs', 'start'], {
    env: { METRICS_PORT: String(metrics), HEALTH_PORT: String(health) },
    reject: false,
  });
  let output = '';
  child.stderr.on('data', (data) => {
    output += data;
  });
  try {
    const places = () =>
      [...output.matchAll(/worker runs \(.*metrics: (\S+), health: ([^\s)]+)\)/g)].map((found) =>
        found.slice(1),
      );
    await expect.poll(places, { timeout: 150_000 }).toHaveLength(2);
    const [first = [], second = []] = places();
    expect(first).toEqual([`http://127.0.0.1:${metrics}/metrics`, `http://127.0.0.1:${health}/health`]);
    for (const address of [...first, ...second]) expect((await fetch(address)).status, address).toBe(200);
    expect(new Set([...first, ...second]).size).toBe(4);
  } finally {
    child.kill('SIGINT');
    await child;
  }
});

test('with --data, a second run joins what the first one did', { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  try {
    const first = await start(['--once', '--json', '--data', directory]);
    const second = await start(['--once', '--json', '--data', directory]);
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    expect(JSON.parse(first.stdout)).toMatchObject({ temporal: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    const withoutAddresses = (results: string) => results.replaceAll(/"(webUi|temporal)": ".*?"/g, '');
    expect(withoutAddresses(second.stdout)).toBe(withoutAddresses(first.stdout));
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.each(['Starting Temporal', 'Starting the orders worker'])(
  'Ctrl-C while it says "%s" ends it at once, and leaves nothing',
  async (moment) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
    const child = spawn(process.execPath, ['tools/run.mjs', 'start'], {
      env: { ...process.env, TMPDIR: directory },
    });
    let output = '';
    child.stderr.on('data', (data) => {
      output += data;
      if (output.includes(moment)) child.kill('SIGINT');
    });
    const [exitCode] = await once(child, 'exit');
    expect(exitCode).toBe(130);
    const left = async () => (await readdir(directory)).filter((name) => name.startsWith('concord-'));
    await expect.poll(left).toEqual([]);
    await expect.poll(() => processesWith(`TMPDIR=${directory}`)).toEqual([]);
    await rm(directory, { recursive: true });
  },
);

test('a SIGTERM that only npm gets ends everything too', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  const child = spawn('npm', ['start'], { env: { ...process.env, TMPDIR: directory } });
  let output = '';
  child.stderr.on('data', (data) => {
    output += data;
  });
  await expect.poll(() => output).toContain('Starting the orders worker');
  child.kill('SIGTERM');
  await once(child, 'exit');
  await expect.poll(() => processesWith(`TMPDIR=${directory}`)).toEqual([]);
  expect((await readdir(directory)).filter((name) => name.startsWith('concord-'))).toEqual([]);
  await rm(directory, { recursive: true });
});

test('--watch: a worker whose code changes starts anew, and an order in flight goes on', {
  timeout: 240_000,
}, async () => {
  await using copy = await copyOfCheckout();
  const closings: (() => Promise<void>)[] = [];
  const child = execa(process.execPath, ['tools/run.mjs', 'start', '--watch'], {
    cwd: copy.path,
    reject: false,
  });
  let output = '';
  child.stderr.on('data', (data) => {
    output += data;
  });
  try {
    await expect.poll(() => output, { timeout: 150_000 }).toContain('Ctrl-C ends the servers');
    expect(output).toMatch(/^The orders alone: http\S+workflows\?query=WorkflowType/m);
    const [, address = ''] = /^Temporal: (\S+)/m.exec(output) ?? [];
    const concord = await Concord.connect({ connection: { address } });
    closings.push(() => concord.close());
    const participant = path.join(copy.path, 'activities/inventory/participant.ts');
    const code = await readFile(participant, 'utf8');
    const [before, after] = code.split('async prepare(input) {');
    await writeFile(participant, `${before}async prepare(input) { throw new Error('being changed');${after}`);
    await expect.poll(() => output, { timeout: 60_000 }).toContain('The inventory worker ended');
    const order = { orderId: 'in-flight', customerId: 'c', lines: [{ sku: 'MILK-JUG', quantity: 1 }] };
    await concord.place(order, { wait: 'accepted' });
    const stuck = () => concord.stuck({ failures: 0 });
    await expect.poll(stuck, { timeout: 60_000 }).toMatchObject([{ lastError: 'being changed' }]);
    await writeFile(participant, code);
    expect(await concord.place(order)).toMatchObject({ status: 'confirmed' });
    expect(output).not.toContain('The orders worker ended');
  } finally {
    for (const close of closings) await close();
    child.kill('SIGINT');
    await child;
  }
});

/** All files that git knows, in a directory of their own. */
async function copyOfCheckout(): Promise<AsyncDisposable & { path: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  const { stdout } = await execa('git', [
    'ls-files',
    '--cached',
    '--others',
    '--exclude-standard',
    '--',
    ':!test',
  ]);
  for (const file of stdout.split('\n')) {
    await mkdir(path.dirname(path.join(directory, file)), { recursive: true });
    await copyFile(file, path.join(directory, file));
  }
  await symlink(path.resolve('node_modules'), path.join(directory, 'node_modules'));
  return { path: directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

test('a data directory that is a file: one line, exit code 2', async () => {
  const { exitCode, stderr } = await start(['--once', '--data', 'package.json']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("package.json can't be used as data directory");
  expect(stderr).not.toContain('    at ');
});

test.each([
  ['HEALTH_PORT', '99999'],
  ['MAXIMUM_POLLERS', '1'],
  ['TEMPORAL_ADDRESS', 'localhost:99999'],
])(
  '%s=%s would be refused by a worker: named before anything is started, exit code 2',
  async (name, value) => {
    const { exitCode, stderr, stdout } = await start(['--once'], { [name]: value });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^${name}: .*\\n$`));
  },
);

test('an unknown option is bad input: exit code 2, and nothing is started', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  const { exitCode, stderr, stdout } = await start(['--onse'], { TMPDIR: directory });
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain("unknown option '--onse'");
  expect((await readdir(directory)).filter((name) => name.startsWith('concord-'))).toEqual([]);
  await rm(directory, { recursive: true });
});

test('a Temporal that is named but not there: one line, exit code 3', async () => {
  for (const address of ['127.0.0.1:9', 'localhost']) {
    const { exitCode, stderr } = await start(['--once'], { TEMPORAL_ADDRESS: address });
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`TEMPORAL_ADDRESS=${address}`);
    expect(stderr).not.toContain('    at ');
  }
});

async function start(args: string[], env: Record<string, string> = {}) {
  const options = { env: { ...process.env, ...env } };
  try {
    return {
      exitCode: 0,
      ...(await promisify(execFile)(process.execPath, ['tools/run.mjs', 'start', ...args], options)),
    };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { exitCode: code, stdout, stderr };
  }
}
