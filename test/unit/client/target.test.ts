import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { choiceText, findTarget } from '../../../client/cli/shared/target.ts';
import { keepRecord } from '../../../tools/servers/running.ts';
import { runInProcess } from '../../support/run-cli.ts';

// Which server a command talks to where nobody has named one.

vi.mock('node:net', async (load) => {
  const net = await load<typeof import('node:net')>();
  return { ...net, connect: vi.fn(net.connect) };
});

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  for (const name of ['HOME', 'XDG_CONFIG_HOME', 'CONCORD_CACHE']) vi.stubEnv(name, directory);
  for (const name of ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'TEMPORAL_PROFILE'])
    vi.stubEnv(name, undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

/** Records a running start, at whose address nothing listens. */
function recordStart(address: string, startedAt: string): void {
  const temporal = { address, namespace: 'default', origin: 'a test' };
  keepRecord({ role: 'start', ready: true, startedAt, temporal });
}

test('a command says on standard error which of two running starts it uses, and how to choose', async () => {
  recordStart('127.0.0.1:1', '2025-01-01T00:00:00.000Z');
  recordStart('127.0.0.1:2', '2025-01-02T00:00:00.000Z');
  const note =
    /^using 127\.0\.0\.1:2, from the running `npm start`; there is also 127\.0\.0\.1:1.*: choose by --address or TEMPORAL_ADDRESS\n/;
  const { stdout, stderr } = await runInProcess(['stock']);
  expect(stdout).toBe('');
  expect(stderr).toMatch(note);
  expect((await runInProcess(['doctor'])).stdout).toMatch(
    /^failed\ttemporal\t127\.0\.0\.1:2, from the running `npm start` \(there is also 127\.0\.0\.1:1/m,
  );

  for (const args of [
    ['stock', '--json'],
    ['stock', '--address', '127.0.0.1:1'],
    ['doctor', '--address', '127.0.0.1:1'],
  ]) {
    const quiet = await runInProcess(args);
    expect(quiet.stdout + quiet.stderr).not.toMatch(/there is also/);
  }
});

test('what listens at the default address is another choice beside a running start, and no choice without one', async () => {
  // Whatever that port is used for on this machine.
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  vi.mocked(connect).mockImplementationOnce(() => createConnection(port, '127.0.0.1'));
  try {
    expect(choiceText(await findTarget({}))).toBeUndefined();
    recordStart('127.0.0.1:1', '2025-01-01T00:00:00.000Z');
    expect(choiceText(await findTarget({}))).toBe(
      'there is also localhost:7233: choose by --address or TEMPORAL_ADDRESS',
    );
    expect(connect).toHaveBeenLastCalledWith(expect.objectContaining({ host: 'localhost', port: 7233 }));
    recordStart('127.0.0.1:7233', '2025-01-02T00:00:00.000Z');
    expect((await findTarget({})).others).toEqual(['127.0.0.1:1']);
  } finally {
    other.close();
  }
});

test('a single start is used without a word', async () => {
  recordStart('127.0.0.1:7233', '2025-01-01T00:00:00.000Z');
  expect(choiceText(await findTarget({}))).toBeUndefined();
});
