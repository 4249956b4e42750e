import getPort, { portNumbers } from 'get-port';
import pRetry from 'p-retry';
import { ServersError } from './attempts.ts';

/** Starts a server again, on other ports, when another process took one between our choosing and its binding. */
export function retryingPorts<T>(fixed: boolean, start: () => Promise<T>): Promise<T> {
  return pRetry(start, {
    retries: fixed ? 0 : 2,
    minTimeout: 0,
    shouldRetry: ({ error }) => error instanceof ServersError && PORT_TAKEN.test(error.message),
  });
}

// The last two are Temporal's, of the ports that it chooses itself: it also breaks off without a word (temporalio/cli #667).
const PORT_TAKEN =
  /address (is )?already in use|failed to assign a free port|panic: .*nil pointer dereference/i;

const ENDPOINTS = [
  { what: 'metrics', port: 'METRICS_PORT', host: 'METRICS_HOST', path: '/metrics' },
  { what: 'health', port: 'HEALTH_PORT', host: 'HEALTH_HOST', path: '/health' },
] as const;

type Variables = Readonly<Record<string, string | undefined>>;

/** Settings of a further worker on this machine: the next free ports, if the environment names those of the first. */
export async function portsOfAnother(variables: Variables): Promise<Record<string, string>> {
  const own: Record<string, string> = {};
  for (const { port, host } of ENDPOINTS) {
    const first = Number(variables[port]);
    if (!first) continue;
    const free = { port: portNumbers(first + 1, 65_535), host: variables[host] || LOOPBACK };
    own[port] = String(await getPort(free));
  }
  return own;
}

export function endpointsOf(variables: Variables): string[] {
  return ENDPOINTS.flatMap(({ what, port, host, path }) => {
    if (!variables[port]) return [];
    const name = variables[host] || LOOPBACK;
    return [`${what}: http://${name.includes(':') ? `[${name}]` : name}:${variables[port]}${path}`];
  });
}

const LOOPBACK = '127.0.0.1';
