import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { serveHealth } from '../../workers/health.ts';

test.each([
  ['healthy', async () => true, 200],
  ['not healthy', async () => false, 503],
  ['unable to tell', () => Promise.reject(new Error('no answer')), 503],
])('GET /health of a worker that is %s', async (_name, isHealthy, status) => {
  const server = await serveHealth({ host: '127.0.0.1', port: 0 }, isHealthy);
  const { port } = server.address() as AddressInfo;
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(status);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  server.close();
});
