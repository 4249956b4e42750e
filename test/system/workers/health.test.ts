import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import getPort from 'get-port';
import { expect, inject, test } from 'vitest';
import { openLink } from '../../../tools/chaos/link.ts';
import { serveHealth } from '../../../workers/health.ts';
import { startPlatform } from '../../support/platform.ts';

test.each([
  ['well', async () => true, 200],
  ['not well', async () => false, 503],
  ['unable to tell', () => Promise.reject(new Error('no answer')), 503],
])('a worker that is %s says so, to each question on its own', async (_name, answer, status) => {
  for (const name of ['ready', 'health'] as const) {
    const others = { live: () => true, ready: async () => true, health: async () => true };
    const server = await serveHealth({ host: '127.0.0.1', port: 0 }, { ...others, [name]: answer });
    const { port } = server.address() as AddressInfo;
    const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${port}/${path}`)).status;
    expect(await statusOf(name)).toBe(status);
    expect([await statusOf('live'), await statusOf('')]).toEqual([200, 404]);
    server.close();
  }
});

test('a worker is live whatever its servers do, and ready only while both answer', {
  timeout: 120_000,
}, async () => {
  await using platform = await startPlatform();
  await platform.stop('orders');
  const mongodb = await openLink(new URL(inject('mongodbUri')).host);
  const temporal = await openLink(platform.address);
  const port = await getPort({ host: '127.0.0.1' });
  mongodb.cut();
  const child = spawn(process.execPath, ['--import', 'tsx', 'workers/orders.ts'], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'], // it ends with the channel
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: platform.namespace,
      MONGODB_URI: `mongodb://${mongodb.address}/?directConnection=true`,
      ORDERS_DATABASE: platform.databases.orders.databaseName,
      HEALTH_PORT: String(port),
    },
  });
  const ended = once(child, 'exit');
  const answers = async () => {
    const ask = (path: string) =>
      fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(LONGEST_ANSWER) }).then(
        ({ status }) => status,
        (error: Error) => (error.name === 'TimeoutError' ? 'no answer' : 'refused'),
      );
    return { live: await ask('live'), ready: await ask('ready'), health: await ask('health') };
  };
  const become = (expected: object) => expect.poll(answers, { timeout: 30_000 }).toEqual(expected);
  try {
    await become({ live: 200, ready: 503, health: 503 }); // it waits for its database
    mongodb.restore();
    await become({ live: 200, ready: 200, health: 200 });
    mongodb.cut();
    await become({ live: 200, ready: 503, health: 503 });
    mongodb.restore();
    await become({ live: 200, ready: 200, health: 200 });
    temporal.cut();
    await become({ live: 200, ready: 503, health: 200 });
    temporal.restore();
    await become({ live: 200, ready: 200, health: 200 });
    // Servers that keep their connections, and say nothing any more.
    mongodb.stall();
    expect(await answers()).toEqual({ live: 200, ready: 503, health: 503 });
    mongodb.restore();
    await become({ live: 200, ready: 200, health: 200 });
    temporal.stall();
    expect(await answers()).toEqual({ live: 200, ready: 503, health: 200 });
  } finally {
    child.kill('SIGKILL');
    await ended;
    mongodb.close();
    temporal.close();
  }
});

// A check takes two seconds at most; without a limit of its own, it took as long as the driver's, which is 15 seconds.
const LONGEST_ANSWER = 8_000;
