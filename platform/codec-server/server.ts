import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { EncryptionCodec } from '../encryption/encryption-codec.ts';
import type { EncryptionKeys } from '../encryption/keys.ts';
import type { CodecServerSettings } from '../settings/read-codec-server.ts';
import { callerOf } from './callers.ts';
import { bodyOf, Refusal } from './http.ts';
import { codedBody } from './payloads.ts';

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
  const codec = new EncryptionCodec(keys);
  const listener: RequestListener = async (request, response) => {
    const { method = '', headers } = request;
    const { origin } = headers;
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = await answerTo(request, path, settings, codec).catch(refused);
    const { status, type = 'text/plain; charset=utf-8', headers: own, body = '', ...more } = answer;
    response
      .writeHead(status, {
        ...SAFE,
        ...(origin !== undefined && settings.origins.includes(origin) ? shareWith(origin) : {}),
        ...own,
        // What was not read of a refused body must not be taken for the next request.
        ...(request.complete ? {} : { connection: 'close' }),
        'content-type': type,
        'content-length': Buffer.byteLength(body),
      })
      .end(body);
    const shown = SERVED.test(path) || path === '/' ? path : '(other)';
    tell({ method, path: shown, status, ...(origin === undefined ? {} : { origin }), ...more });
  };
  const { tls } = settings;
  const server = tls
    ? createSecureServer(
        { ...LIMITS, cert: readFileSync(tls.certificate), key: readFileSync(tls.key) },
        listener,
      )
    : createServer(LIMITS, listener);
  server.maxConnections = MAXIMUM_CONNECTIONS;
  server.listen(settings.port, settings.host);
  await once(server, 'listening');
  return server;
}

/** What a request has come to. */
interface Answer extends Pick<Access, 'status' | 'caller' | 'payloads'> {
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Where payloads are sent to; the namespace before it says nothing new, because keys are the same for all. */
const SERVED = /^(?:\/[^/]+)?\/(encode|decode)$/;
const JSON_TYPE = 'application/json';

async function answerTo(
  request: IncomingMessage,
  path: string,
  { callers, origins, mayEncode }: CodecServerSettings,
  codec: EncryptionCodec,
): Promise<Answer> {
  const { method, headers } = request;
  const caller = callerOf(callers, headers);
  const operation = SERVED.exec(path)?.[1] as 'encode' | 'decode' | undefined;
  if (operation === undefined) return pageAt(path, method, caller?.name);
  // A foreign page's request is refused before its body is read.
  if (headers.origin !== undefined && !origins.includes(headers.origin))
    throw new Refusal(403, 'pages of this origin may not ask: CODEC_SERVER_ORIGINS does not list it');
  if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT };
  if (method !== 'POST') throw new Refusal(405, 'use POST');
  if (caller === undefined)
    throw new Refusal(401, 'sign in at the address of this codec server, or send a token');
  if (operation === 'encode' && !mayEncode)
    throw new Refusal(403, 'nobody may encrypt here: CODEC_SERVER_ENCODE is off');
  const coded = await codedBody(codec, operation, await bodyOf(request));
  return { status: 200, type: JSON_TYPE, caller: caller.name, ...coded };
}

/** At `/` a browser learns who its user is: it then tells so with whatever it asks of this server, until it is closed. */
function pageAt(path: string, method: string | undefined, caller: string | undefined): Answer {
  if (path === '/health' && method === 'GET') return { status: 200, body: 'ok' };
  if (path !== '/') throw new Refusal(404, 'there is no such page');
  if (method !== 'GET') throw new Refusal(405, 'use GET');
  if (caller !== undefined)
    return { status: 200, body: `You are known as ${caller}. Now reload the Web UI.`, caller };
  const headers = { 'www-authenticate': 'Basic realm="Concord codec server"' };
  return { status: 401, headers, body: 'Give the name and the token that you were given.' };
}

/** A fault of ours is none that a stranger may read about. */
function refused(error: unknown): Answer {
  const { status, message } = error instanceof Refusal ? error : new Refusal(500, 'this is our own fault');
  return { status, type: JSON_TYPE, body: JSON.stringify({ message }) };
}

const PREFLIGHT = {
  'access-control-allow-methods': 'POST',
  // The Web UI sends a second token in `authorization-extras`.
  'access-control-allow-headers': 'content-type, x-namespace, authorization, authorization-extras',
  'access-control-max-age': '600',
};

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
