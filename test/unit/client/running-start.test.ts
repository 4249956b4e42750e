import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runningTemporals } from '../../../client/cli/shared/running-start.ts';
import { identify } from '../../../tools/servers/processes.ts';

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  vi.stubEnv('CONCORD_CACHE', cache);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

async function record(name: string, fields: object = {}): Promise<void> {
  const start = {
    role: 'start',
    ready: true,
    startedAt: `2025-01-0${name}T00:00:00.000Z`,
    owner: identify(process.pid),
    temporal: { address: `127.0.0.1:${name}`, namespace: 'default', origin: 'a test' },
  };
  await mkdir(path.join(cache, 'running'), { recursive: true });
  await writeFile(path.join(cache, 'running', `${name}.json`), JSON.stringify({ ...start, ...fields }));
}

const addresses = () => runningTemporals().map(({ address }) => address);

test('the servers of running starts are found, the newest first', async () => {
  expect(addresses()).toEqual([]);
  await record('1');
  await record('2');
  expect(addresses()).toEqual(['127.0.0.1:2', '127.0.0.1:1']);
});

test.runIf(process.platform === 'linux')(
  'a start whose pid has passed to another process is gone',
  async () => {
    await record('1', { owner: { ...identify(process.pid), started: '1' } });
    await record('2', { owner: { pid: 2 ** 22 + 1, started: '1' } });
    expect(addresses()).toEqual([]);
  },
);

test('a start of tests, one that is not ready and what another version wrote are left out', async () => {
  await record('1', { role: 'test' });
  await record('2', { ready: false });
  await record('3', { temporal: 'elsewhere' });
  await record('4', { temporal: undefined });
  expect(addresses()).toEqual([]);
});
