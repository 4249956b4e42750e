import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Address } from './settings.ts';

/** The questions about a worker. One that can't be answered is answered with no. */
export interface HealthChecks {
  /** `GET /live`: whether it is of use to let this process run. Never depends on a server: a restart brings none back. */
  readonly live: () => boolean;
  /** `GET /ready`: whether it polls, and Temporal and its database answer. */
  readonly ready: () => Promise<boolean>;
  /** `GET /health`: whether it runs, and its database answers. */
  readonly health: () => Promise<boolean>;
}

const NAMES = ['live', 'ready', 'health'] as const;

/**
 * Answers each check with 200 while it says so, and with 503 otherwise.
 *
 * @returns The server, once it listens; close it to stop.
 * @throws Error if the port is taken.
 */
export async function serveHealth({ host, port }: Address, checks: HealthChecks): Promise<Server> {
  const server = createServer(async (request, response) => {
    const name = NAMES.find((name) => request.url === `/${name}`);
    if (name === undefined) return void response.writeHead(404).end();
    const ok = await Promise.resolve()
      .then<boolean>(checks[name])
      .catch(() => false);
    response
      .writeHead(ok ? 200 : 503, { 'content-type': 'application/json' })
      .end(JSON.stringify({ [name === 'health' ? 'healthy' : name]: ok }));
  }).listen(port, host);
  await once(server, 'listening');
  return server;
}
