import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Concord } from '../../../client/concord.ts';
import { readTemporal } from '../../../platform/settings/read-temporal.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor, type Supervisor } from '../../../tools/servers/supervisor.ts';
import { startTemporal } from '../../../tools/servers/temporal.ts';
import { connectTemporal } from '../../../workers/connections.ts';
import { openConnectProxy } from '../../support/connect-proxy.ts';
import { runInProcess } from '../../support/run-cli.ts';

// Servers that are there, and yet are not reached as usual: through a proxy, or without what Concord uses of them.

// Nothing listens there.
const DEAD_PROXY = 'http://127.0.0.1:9';
const WITHOUT = {
  'update-with-start': 'frontend.enableExecuteMultiOperation',
  'updates of workflows': 'frontend.enableUpdateWorkflowExecution',
} as const;

let supervisor: Supervisor;
let addresses: Readonly<Record<keyof typeof WITHOUT, string>>;
let address: string;
/** Servers from 1.30 on always have update-with-start. */
let isAlwaysThere: boolean;

beforeAll(async () => {
  supervisor = await createSupervisor();
  // A server of this machine is started and waited for, whatever the proxy.
  vi.stubEnv('https_proxy', DEAD_PROXY);
  const startWithout = async (setting: string) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
    supervisor.removeAtEnd(directory);
    const usual = { supervisor, directory, keepData: false, report: silentReport };
    return (await startTemporal({ ...usual, limits: { [setting]: false } })).address;
  };
  const [one, other] = await Promise.all(Object.values(WITHOUT).map(startWithout));
  addresses = { 'update-with-start': one ?? '', 'updates of workflows': other ?? '' };
  address = addresses['update-with-start'];
  const concord = await Concord.connect({ connection: { address } });
  const { serverVersion } = await concord.client.workflowService.getSystemInfo({});
  await concord.close();
  isAlwaysThere = (serverVersion ?? '').localeCompare('1.30', 'en', { numeric: true }) >= 0;
});

afterEach(() => vi.unstubAllEnvs());
afterAll(() => supervisor.stop());

/** Connects as a client does, and as a worker does. */
async function connectBoth(to: string): Promise<void> {
  const { connection } = readTemporal({ TEMPORAL_ADDRESS: to });
  const concord = await Concord.connect({ connection });
  await concord.client.workflowService.describeNamespace({ namespace: 'default' });
  await concord.close();
  const worker = await connectTemporal(connection);
  await worker.workflowService.describeNamespace({ namespace: 'default' });
  await worker.close();
}

describe('a proxy', () => {
  test('is never asked for a server of this machine', async () => {
    await using proxy = await openConnectProxy(address);
    for (const variable of ['grpc_proxy', 'https_proxy', 'http_proxy'])
      vi.stubEnv(variable, `http://127.0.0.1:${proxy.port}`);
    await connectBoth(address);
    await connectBoth(address.replace('127.0.0.1', 'localhost'));
    expect(proxy.asked).toEqual([]);
  });

  test('is asked for any other server by clients and by workers, with its user and password', async () => {
    await using proxy = await openConnectProxy(address);
    for (const variable of ['grpc_proxy', 'no_grpc_proxy', 'no_proxy']) vi.stubEnv(variable, undefined);
    vi.stubEnv('https_proxy', `http://user:p%40ss@127.0.0.1:${proxy.port}`);
    await connectBoth('temporal.example:7233');
    const credentials = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    const once = ['temporal.example:7233', credentials];
    expect(proxy.asked).toEqual([once, once]);
  });
});

describe.each(Object.entries(WITHOUT))('a server without %s', (feature, setting) => {
  const at = () => addresses[feature as keyof typeof WITHOUT];
  const cannotLack = () => feature === 'update-with-start' && isAlwaysThere;

  test('is told by `place`, which needs it for the decision, with what to do: exit code 3', async (context) => {
    context.skip(cannotLack());
    const order = ['--sku', 'A:1', '--customer', 'alice', '--wait', 'decided', '--order-id', 'x'];
    const { exitCode, stdout, stderr } = await runInProcess(['place', ...order, '--address', at()]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(
        `^error: Temporal at ${at()} has no ${feature}; set ${setting} to true in its dynamic configuration, as it is by default from Temporal Server 1\\.26 on\n$`,
      ),
    );
  });

  test('takes orders whose decision isn’t waited for', async () => {
    const order = ['--sku', 'A:1', '--customer', 'alice', '--wait', 'accepted', '--order-id', 'y'];
    expect(await runInProcess(['place', ...order, '--address', at()])).toMatchObject({ exitCode: 0 });
  });

  test('is told by `doctor`, which starts nothing to find out', async (context) => {
    context.skip(cannotLack());
    const { stdout } = await runInProcess(['doctor', '--address', at()]);
    const found = `the server has no ${feature}, which \`place --wait decided\` needs`;
    expect(stdout.split('\n')).toContainEqual(
      expect.stringMatching(new RegExp(`^failed\tupdates\t${found}\tset ${setting} to true`)),
    );
    const concord = await Concord.connect({ connection: { address: at() } });
    await expect(concord.client.workflow.getHandle('nobody').describe()).rejects.toThrow();
    await concord.close();
  });
});
