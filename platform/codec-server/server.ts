import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { defined } from '../../domain/defined.ts';
import { EncryptionCodec } from '../encryption/encryption-codec.ts';
import type { EncryptionKeys } from '../encryption/keys.ts';
import type { CodecServerSettings } from '../settings/read-codec-server.ts';
import type { Caller } from '../settings/variables.ts';
import { codedBody, type Operation, Refusal } from './payloads.ts';

/** The log entry of a request, with its caller if they are known; it never holds a payload or a token. */
export interface Access {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly origin?: string;
  readonly caller?: string;
  /** How many payloads were decrypted or encrypted. */
  readonly payloads?: number;
}

/** Decrypts payloads for known callers, as Temporal's Web UI and CLI ask. A browser asks its user for the token at `/`. */
export async function serveCodec(
  settings: CodecServerSettings,
  keys: EncryptionKeys,
  tell: (access: Access) => void,
): Promise<Server> {
  const { tls, host, port, origins } = settings;
  const codec = new EncryptionCodec(keys);
  const listener: RequestListener = async (request, response) => {
    const { origin } = request.headers;
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = await answerTo(request, path, settings, codec).catch(refused);
    const { status, headers, body = '', ...more } = answer;
    const isAllowed = origin !== undefined && origins.includes(origin);
    response.writeHead(status, {
      ...HEADERS,
      ...(isAllowed && permissionFor(origin, request)),
      ...headers,
      // The unread rest of a refused body must not be taken for the next request.
      ...(!request.complete && { connection: 'close' }),
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
    const shown = SERVED.test(path) || path === '/' ? path : '(other)';
    tell(defined({ method: request.method ?? '', path: shown, status, origin, ...more }));
  };
  const server = tls
    ? createSecureServer({ ...LIMITS, cert: readFileSync(tls.certificate), key: readFileSync(tls.key) })
    : createServer(LIMITS);
  server.on('request', listener).listen(port, host);
  server.maxConnections = 200;
  await once(server, 'listening');
  return server;
}

/** Only the setting says which origins may ask: neither Host nor what a proxy forwards counts, which can be forged. */
function permissionFor(origin: string, { headers }: IncomingMessage): Record<string, string> {
  const allowed = { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' };
  // Browsers before Local Network Access ask so for a public page; later ones ask their user instead.
  const isPrivate = headers['access-control-request-private-network'] === 'true';
  return isPrivate ? { ...allowed, 'access-control-allow-private-network': 'true' } : allowed;
}

interface Answer extends Pick<Access, 'status' | 'caller' | 'payloads'> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The paths for payloads. The namespace before them is ignored, because all namespaces have the same keys. */
const SERVED = /^(?:\/[^/]+)?\/(encode|decode)$/;

async function answerTo(
  request: IncomingMessage,
  path: string,
  { callers, origins, mayEncode }: CodecServerSettings,
  codec: EncryptionCodec,
): Promise<Answer> {
  const { method, headers } = request;
  const caller = callerOf(callers, headers.authorization);
  const operation = SERVED.exec(path)?.[1] as Operation | undefined;
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
  const coded = await codedBody(codec, operation, request);
  return { status: 200, headers: JSON_TYPE, caller: caller.name, ...coded };
}

/** Known by a token, or by name and token, as browsers send them. It compares all hashes, so that its time tells nothing. */
function callerOf(callers: readonly Caller[], authorization = ''): Caller | undefined {
  const [, scheme = '', credentials = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? [];
  const credentialsOf = ({ name, token }: Caller) =>
    scheme.toLowerCase() === 'basic' ? Buffer.from(`${name}:${token}`).toString('base64') : token;
  const hashOf = (text: string) => createHash('sha256').update(text).digest();
  const given = hashOf(credentials);
  return callers.filter((caller) => timingSafeEqual(hashOf(credentialsOf(caller)), given))[0];
}

/** At `/` a browser learns who its user is, and sends that with each request to this server until it is closed. */
function pageAt(path: string, method: string | undefined, caller: string | undefined): Answer {
  if (path === '/health' && method === 'GET') return { status: 200, body: 'ok' };
  if (path !== '/') throw new Refusal(404, 'there is no such page');
  if (method !== 'GET') throw new Refusal(405, 'use GET');
  if (caller !== undefined)
    return { status: 200, body: `You are known as ${caller}. Now reload the Web UI.`, caller };
  const headers = { 'www-authenticate': 'Basic realm="Concord codec server"' };
  return { status: 401, headers, body: 'Give the name and the token that you were given.' };
}

/** Says nothing of an error of ours, because strangers may read it. */
function refused(error: unknown): Answer {
  const { status, message } = error instanceof Refusal ? error : new Refusal(500, 'this is our own fault');
  return { status, headers: JSON_TYPE, body: JSON.stringify({ message }) };
}

const HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  vary: 'Origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};
const JSON_TYPE = { 'content-type': 'application/json' };
const PREFLIGHT = {
  'access-control-allow-methods': 'POST',
  // The Web UI sends a second token in `authorization-extras`.
  'access-control-allow-headers': 'content-type, x-namespace, authorization, authorization-extras',
  'access-control-max-age': '600',
};

// Milliseconds. A slow sender holds a connection no longer than this.
const LIMITS = { headersTimeout: 5_000, requestTimeout: 15_000, connectionsCheckingInterval: 1_000 };
