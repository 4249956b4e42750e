import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { endpointsOf, portsOfAnother } from '../../../tools/servers/ports.ts';

test('another worker gets the next free port of each kind, where any is named', async () => {
  expect(await portsOfAnother({})).toEqual({});
  expect(await portsOfAnother({ METRICS_PORT: '', HEALTH_PORT: '' })).toEqual({});
  const first = await freed();
  await listening(first + 1).catch(() => {}); // or somebody else has it
  const { METRICS_PORT, HEALTH_PORT } = await portsOfAnother({
    METRICS_PORT: `${first}`,
    HEALTH_PORT: `${first}`,
  });
  expect(Number(METRICS_PORT)).toBeGreaterThan(first + 1);
  expect(Number(HEALTH_PORT)).toBeGreaterThan(Number(METRICS_PORT));
  await listening(Number(METRICS_PORT));
  await listening(Number(HEALTH_PORT));
});

test('says where a worker can be asked', () => {
  expect(endpointsOf({ METRICS_PORT: '', HEALTH_HOST: '0.0.0.0' })).toEqual([]);
  expect(endpointsOf({ METRICS_PORT: '9464', HEALTH_PORT: '8080', HEALTH_HOST: '::1' })).toEqual([
    'metrics: http://127.0.0.1:9464/metrics',
    'health: http://[::1]:8080/health',
  ]);
});

/** Nobody listens there: the first worker may be about to. */
async function freed(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @throws where it is taken */
async function listening(port = 0): Promise<AddressInfo> {
  const server: Server = createServer().listen(port, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return server.address() as AddressInfo;
}
