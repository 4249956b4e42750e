import { once } from 'node:events';
import { createServer, type Server } from 'node:http';

/**
 * Answers `GET /health` with 200 while `isHealthy` says so, and with 503 otherwise.
 *
 * @returns The server, once it listens; close it to stop.
 * @throws Error where the port is taken.
 */
export async function serveHealth(
  { host, port }: { host: string; port: number },
  isHealthy: () => Promise<boolean>,
): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.url !== '/health') return void response.writeHead(404).end();
    const healthy = await isHealthy().catch(() => false);
    response
      .writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' })
      .end(JSON.stringify({ healthy }));
  }).listen(port, host);
  await once(server, 'listening');
  return server;
}
