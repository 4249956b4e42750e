import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { EncryptionKeys } from '../encryption/keys.ts';
import type { CodecServerSettings } from '../settings/codec-server.ts';
import { callerOf } from './callers.ts';
import { createCoding, SERVED } from './coding.ts';
import { type Answer, type Asked, bodyOf, JSON_CONTENT, Refusal } from './http.ts';

/** What the server tells of each request; never a payload, and never a token. */
export interface Access {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly origin?: string;
  /** Who has asked, where that is known. */
  readonly caller?: string;
  /** How many payloads were decrypted or encrypted. */
  readonly payloads?: number;
}

/**
 * Decrypts payloads for those allowed, as Temporal's Web UI and CLI ask for it: `POST /decode` (and `/encode`, where that
 * is switched on), also below a namespace. A person's browser asks them for their name and token at `/`, once.
 *
 * @returns The server, once it listens; close it to stop.
 * @throws Error where the port is taken.
 */
export async function serveCodec(
  settings: CodecServerSettings,
  keys: EncryptionKeys,
  tell: (access: Access) => void,
): Promise<Server> {
  const coding = createCoding(settings, keys);
  const listener: RequestListener = async (request, response) => {
    const { method = '', headers } = request;
    const path = (request.url ?? '').split('?')[0] ?? '';
    const origin = headers.origin;
    // A foreign page's request is refused before its body is read.
    const shared = {
      ...SAFE,
      ...(origin !== undefined && settings.origins.includes(origin) ? shareWith(origin) : {}),
    };
    let answer: Answer;
    try {
      const asked = { method, path, headers, body: () => bodyOf(request) };
      answer = SERVED.test(path) ? await coding(asked) : page(asked, settings);
    } catch (error) {
      // A fault of ours is none that a stranger may read about.
      const { status, message } =
        error instanceof Refusal ? error : new Refusal(500, 'this is our own fault');
      answer = { status, body: JSON.stringify({ message }), headers: JSON_CONTENT };
    }
    const { status, headers: own = {}, body = '', ...more } = answer;
    write(response, status, { ...shared, ...own }, body);
    tell({
      method,
      path: SERVED.test(path) || path === '/' ? path : '(other)',
      status,
      ...(origin === undefined ? {} : { origin }),
      ...more,
    });
  };
  const server = settings.tls
    ? createSecureServer(
        { ...LIMITS, cert: readFileSync(settings.tls.certificate), key: readFileSync(settings.tls.key) },
        listener,
      )
    : createServer(LIMITS, listener);
  server.maxConnections = MAXIMUM_CONNECTIONS;
  server.listen(settings.port, settings.host);
  await once(server, 'listening');
  return server;
}

/** Where a browser learns who its user is: it then tells so with whatever it asks of this server, until it is closed. */
function page({ method, path, headers }: Asked, { callers }: CodecServerSettings): Answer {
  if (path === '/health' && method === 'GET') return { status: 200, body: 'ok' };
  if (path !== '/') throw new Refusal(404, 'there is no such page');
  if (method !== 'GET') throw new Refusal(405, 'use GET');
  const caller = callerOf(callers, headers);
  if (caller === undefined) {
    const challenge = { ...TEXT, 'www-authenticate': 'Basic realm="Concord codec server"' };
    return { status: 401, headers: challenge, body: 'Give the name and the token that you were given.' };
  }
  const body = `You are known as ${caller.name}. Now reload the Web UI.`;
  return { status: 200, headers: TEXT, body, caller: caller.name };
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

const MAXIMUM_CONNECTIONS = 200;
// Whoever sends slowly holds a connection no longer than this. Milliseconds.
const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
};

const SAFE = {
  'cache-control': 'no-store',
  vary: 'Origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

function shareWith(origin: string): Record<string, string> {
  return { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' };
}

function write(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string,
): void {
  // What was not read of a refused body must not be taken for the next request.
  const closing = response.req.complete ? {} : { connection: 'close' };
  response.writeHead(status, { ...headers, ...closing, 'content-length': Buffer.byteLength(body) }).end(body);
}
