import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { EncryptionKeys } from '../encryption/keys.ts';
import type { CodecServerSettings } from '../settings/codec-server.ts';
import { createCoding, SERVED } from './coding.ts';
import { type Answer, bodyOf, JSON_CONTENT, Refusal } from './http.ts';
import { createSignIn } from './sign-in.ts';

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
 * is switched on), also below a namespace. A person signs in at `/` once, and their browser keeps a cookie.
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
  const signIn = createSignIn(settings);
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
      answer = SERVED.test(path) ? await coding(asked) : await signIn(asked);
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
  // Not `no-referrer`: a form would then be sent without its origin.
  'referrer-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
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
