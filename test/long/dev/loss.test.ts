import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { Concord } from '../../../client/concord.ts';
import { findMongoDB } from '../../../tools/servers/mongodb.ts';
import { withDescendants } from '../../../tools/servers/processes.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { livingServers, type RunningRecord } from '../../../tools/servers/running.ts';
import { processesWith, removeDirectory, signalTo, temporaryDirectory } from '../../system/dev/support.ts';

// A server, or a worker, is lost while a tool runs: it must be told at once, and nothing may hang or stay.

type Child = RunningRecord['children'][number];

/** The servers of a tool, by what they are for; FerretDB's storage is a server of its own, and mongod is both. */
const choices = {
  Temporal: (children: readonly Child[]) => children.find(({ name }) => name === 'temporal'),
  'the database': (children: readonly Child[]) => children.findLast(({ name }) => name !== 'temporal'),
  "the database's storage": (children: readonly Child[]) => children.find(({ name }) => name !== 'temporal'),
};

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

test.each(Object.entries(choices))(
  'npm start ends when %s dies, and says so',
  { timeout: 180_000 },
  async (_, choose) => {
    const start = await run('start');
    await expect.poll(start.output, { timeout: 150_000 }).toContain('Ctrl-C ends the servers');
    const lost = choose(start.record().children);
    signalTo(lost?.pid, 'SIGSEGV');
    await expectLoss(
      start,
      new RegExp(`^${lost?.name} \\(process ${lost?.pid}\\) ended unasked \\((SIGSEGV|exit code 2)\\)`, 'm'),
    );
    expect(start.output()).toMatch(/^The end of its log:\n {2}\S/m);
  },
);

test('npm start ends when Temporal dies while the samples are placed, without a stack trace', {
  timeout: 180_000,
}, async () => {
  const start = await run('start', '--once');
  await expect.poll(start.output, { timeout: 150_000 }).toContain('Starting the orders worker');
  const lost = choices.Temporal(start.record().children);
  signalTo(lost?.pid, 'SIGSEGV');
  await expectLoss(start, new RegExp(`^temporal \\(process ${lost?.pid}\\) ended unasked`, 'm'));
  expect(start.output()).not.toMatch(/^ +at /m);
});

// A mongod has no processes that it could lose.
const hasStorage = 'tree' in (await findMongoDB(silentReport));

test.skipIf(!hasStorage)(
  "orders go on when a process of the database's storage dies, because it recovers",
  {
    timeout: 180_000,
  },
  async () => {
    const start = await run('start');
    await expect.poll(start.output, { timeout: 150_000 }).toContain('Ctrl-C ends the servers');
    const { children, temporal } = start.record();
    const storage = children.find(({ name }) => name === 'postgres');
    if (storage === undefined) throw new Error('it runs no storage');
    const backends = (await withDescendants([storage.pid])).slice(1);
    signalTo(backends.at(-1), 'SIGSEGV');
    const concord = await Concord.connect({ connection: { address: temporal?.address ?? '' } });
    try {
      const order = { orderId: 'after', customerId: 'c', lines: [{ sku: 'MILK-JUG', quantity: 1 }] };
      expect(await concord.place(order)).toMatchObject({ status: 'confirmed' });
    } finally {
      await concord.close();
    }
  },
);

test('npm run bench ends when Temporal dies, and says so', { timeout: 180_000 }, async () => {
  const bench = await run('bench', 'load', '--orders', '5000');
  await expect.poll(() => bench.workers(), { timeout: 150_000 }).toHaveLength(2);
  const lost = choices.Temporal(bench.record().children);
  signalTo(lost?.pid, 'SIGSEGV');
  await expectLoss(bench, new RegExp(`^error: temporal \\(process ${lost?.pid}\\) ended unasked`, 'm'));
});

test('npm run bench ends when a worker dies, because it would measure something else', {
  timeout: 180_000,
}, async () => {
  const bench = await run('bench', 'load', '--orders', '5000');
  await expect.poll(bench.output, { timeout: 150_000 }).toMatch(/^Starting the workers \(/m);
  const [lost] = await bench.workers();
  signalTo(lost, 'SIGSEGV');
  await expectLoss(bench, /^error: The \w+ worker ended unasked \(SIGSEGV\)/m);
});

/** It ends with the documented exit code, says why, and leaves no process and no directory. */
async function expectLoss(tool: Awaited<ReturnType<typeof run>>, reason: RegExp): Promise<void> {
  await expect.poll(tool.exitCode).toBe(3);
  expect(tool.output()).toMatch(reason);
  await expect.poll(tool.left).toEqual({ processes: [], directories: [] });
}

/** Runs a tool in a temporary directory of its own. */
async function run(name: string, ...args: string[]) {
  const directory = await temporaryDirectory();
  const child = spawn(process.execPath, ['tools/run.mjs', name, ...args], {
    env: { ...process.env, TMPDIR: directory, TEMPORAL_ADDRESS: '', MONGODB_URI: '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (data) => {
    output += data;
  });
  const tool = {
    output: () => output,
    exitCode: () => child.exitCode,
    record() {
      const found = livingServers().find(({ owner }) => owner.pid === child.pid);
      if (found === undefined) throw new Error('it has no record');
      return found;
    },
    async workers() {
      const all = await withDescendants([child.pid ?? 0]);
      const commands = await Promise.all(
        all.map(async (pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
      );
      return all.filter((_, index) => commands[index]?.includes('measured-worker.ts'));
    },
    left: async () => ({
      processes: await processesWith(`TMPDIR=${directory}`),
      directories: (await readdir(directory)).filter((entry) => entry.startsWith('concord-')),
    }),
  };
  endings.push(async () => {
    child.kill('SIGINT');
    await expect.poll(tool.left).toEqual({ processes: [], directories: [] });
    await removeDirectory(directory);
  });
  return tool;
}
