import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { strategies } from '../../../domain/strategies.ts';
import type { RunReport } from '../../../tools/chaos/run-report.ts';

// `npm run chaos` as a user runs it: a process of its own, and everything that it starts.

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(await realpath(tmpdir()), 'chaos-test-'));
});

afterEach(() => rm(directory, { recursive: true }));

test('orders survive what hits them in a short run, which leaves nothing', { timeout: 240_000 }, async () => {
  const file = path.join(directory, 'report.json');
  const chaos = start(['--orders', '60', '--minutes', '0.7', '--seed', 'short-4', '--report', file]);
  const { exitCode, output } = await chaos.ended;
  expect(exitCode, output).toBe(0);

  const report = JSON.parse(await readFile(file, 'utf8')) as RunReport;
  expect(report).toMatchObject({
    verdict: 'passed',
    violations: [],
    planned: { orders: 60, strategy: 'mixed' },
  });
  const met = report.faults.filter(({ hits }) => hits > 0).map(({ kind }) => kind);
  expect(met.length, `kinds of faults that met orders in flight: ${met}`).toBeGreaterThanOrEqual(8);
  expect(report.outcomes).toMatchObject({
    confirmed: expect.toSatisfy(isPositive),
    rejected: expect.toSatisfy(isPositive),
    cancelled: expect.toSatisfy(isPositive),
  });
  for (const strategy of strategies)
    expect(report.outcomesBy[strategy].confirmed, strategy).toBeGreaterThan(0);
  expect(report.answers).toBeGreaterThan(60);
  expect(report.stockReads).toBeGreaterThan(10);
  expect(report.reaper.sweeps).toBeGreaterThan(2);
  expect(report.reaper.metOldOrders, 'sweeps that met living orders').toBeGreaterThan(0);
  await rm(file);
  await expectNothingLeft();
});

test('Ctrl-C in the middle of a fault ends it all: exit code 130, and nothing is left', {
  timeout: 120_000,
}, async () => {
  const chaos = start(['--orders', '100', '--seed', 'stopped']);
  await expect.poll(() => chaos.output().split('fault: ').length, { timeout: 90_000 }).toBeGreaterThan(2);
  chaos.child.kill('SIGINT');
  expect((await chaos.ended).exitCode).toBe(130);
  await expectNothingLeft();
});

test('a wrong option is bad input: exit code 2, and nothing is started', async () => {
  const { exitCode, output } = await start(['--orders', 'many']).ended;
  expect(exitCode).toBe(2);
  expect(output).toContain('Use a whole number from 1');
  const other = await start(['--strategy', 'hope']).ended;
  expect(other.exitCode).toBe(2);
  expect(other.output).toContain('two-phase, message-queue, event-driven, mixed');
  await expectNothingLeft();
});

test('without any way to get the servers: what to do, and exit code 3', async () => {
  const nowhere = 'http://127.0.0.1:9';
  const { exitCode, output } = await start(['--orders', '1'], {
    PATH: directory,
    CONCORD_CACHE: path.join(directory, 'cache'),
    HTTPS_PROXY: nowhere,
    https_proxy: nowhere,
    HTTP_PROXY: nowhere,
    http_proxy: nowhere,
    NO_PROXY: '',
    no_proxy: '',
  }).ended;
  expect({ exitCode, output }).toMatchObject({ exitCode: 3 });
  expect(output).toContain('Install the Temporal CLI');
  expect(output).not.toContain('    at ');
});

interface Started {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  readonly ended: Promise<{ exitCode: number; output: string }>;
}

function start(args: string[], environment: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, ['tools/run.mjs', 'chaos', ...args], {
    env: { ...process.env, TMPDIR: directory, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  const ended = once(child, 'close').then(([exitCode]) => ({ exitCode: Number(exitCode), output }));
  return { child, output: () => output, ended };
}

/** No file of it, and no process that was started on one of its files. */
async function expectNothingLeft(): Promise<void> {
  // What tsx keeps compiled is its own.
  const files = (await readdir(directory)).filter((name) => !name.startsWith('tsx-'));
  expect(files).toEqual([]);
  const { stdout } = await execa('ps', ['-A', '-o', 'args=']);
  expect(stdout.split('\n').filter((line) => line.includes(directory))).toEqual([]);
}

function isPositive(count: unknown): boolean {
  return typeof count === 'number' && count > 0;
}
