import { once } from 'node:events';
import { createServer, type Server } from 'node:http';

/** What is asked about a worker. A question that can't be answered is answered with no. */
export interface HealthChecks {
  /** `GET /live`: whether it is of use to let this process run. Never depends on a server: a restart brings none back. */
  readonly live: () => boolean;
  /** `GET /ready`: whether it polls, and Temporal and its database answer. */
  readonly ready: () => Promise<boolean>;
  /** `GET /health`: whether it runs, and its database answers. */
  readonly health: () => Promise<boolean>;
}

/**
 * Answers each check with 200 while it says so, and with 503 otherwise.
 *
 * @returns The server, once it listens; close it to stop.
 * @throws Error where the port is taken.
 */
export async function serveHealth(
  { host, port }: { host: string; port: number },
  checks: HealthChecks,
): Promise<Server> {
  const server = createServer(async (request, response) => {
    const name = request.url?.slice(1) ?? '';
    if (!isCheck(name)) return void response.writeHead(404).end();
    const ok = await answerOf(checks[name]);
    response
      .writeHead(ok ? 200 : 503, { 'content-type': 'application/json' })
      .end(JSON.stringify({ [answers[name]]: ok }));
  }).listen(port, host);
  await once(server, 'listening');
  return server;
}

const answers = { live: 'live', ready: 'ready', health: 'healthy' } as const;

function isCheck(name: string): name is keyof HealthChecks {
  return Object.hasOwn(answers, name);
}

async function answerOf(check: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await check();
  } catch {
    return false;
  }
}
