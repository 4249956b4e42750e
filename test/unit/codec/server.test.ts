import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import {
  createServer as createSecureServer,
  type RequestOptions as SecureRequestOptions,
  request as secureRequest,
} from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Access, serveCodec } from '../../../platform/codec-server/server.ts';
import { EncryptionCodec } from '../../../platform/encryption/encryption-codec.ts';
import { parseKeys } from '../../../platform/encryption/keys.ts';
import { createAuthority } from '../../support/certificates.ts';

const UI = 'http://127.0.0.1:8233';
const FOREIGN = 'http://evil.example';
const ALICE = { name: 'alice', token: 'a'.repeat(32) };
const BOB = { name: 'bob', token: 'b'.repeat(32) };
const keys = parseKeys(`2026-11:${randomBytes(32).toString('base64')}`);
const SETTINGS = {
  host: '127.0.0.1',
  port: 0,
  callers: [ALICE, BOB],
  origins: [UI],
  mayEncode: false,
  tls: undefined,
};

const log: Access[] = [];
const ends: (() => void)[] = [];
let url: string;
let encrypting: string;
let encrypted: string;

beforeAll(async () => {
  const open = async (mayEncode: boolean) => {
    const server = await serveCodec({ ...SETTINGS, mayEncode }, keys, (access) => log.push(access));
    ends.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  url = await open(false);
  encrypting = await open(true);
  const payload = defaultPayloadConverter.toPayload({ customerId: 'secret-customer' }) as Payload;
  encrypted = JSON.stringify({ payloads: (await new EncryptionCodec(keys).encode([payload])).map(asJson) });
});

afterAll(() => {
  for (const end of ends) end();
});

const asJson = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
  ),
  data: Buffer.from(data ?? []).toString('base64'),
});

const bearer = ({ token }: { token: string }) => ({ authorization: `Bearer ${token}` });
/** As a browser sends it. */
const basic = ({ name, token }: { name: string; token: string }) => ({
  authorization: `Basic ${Buffer.from(`${name}:${token}`).toString('base64')}`,
});

const ask = (
  path: string,
  headers: Record<string, string> = {},
  body: string | null = encrypted,
  method = 'POST',
) =>
  fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
    body,
  });

describe('decode', () => {
  test.each(['/decode', '/default/decode'])(
    '%s answers whoever has a token, and leaves the rest as it is',
    async (path) => {
      const response = await ask(path, bearer(ALICE));
      const { payloads } = (await response.json()) as {
        payloads: { data: string; metadata: Record<string, string> }[];
      };
      expect(Buffer.from(payloads[0]?.data ?? '', 'base64').toString()).toBe(
        '{"customerId":"secret-customer"}',
      );
      expect(Buffer.from(payloads[0]?.metadata.encoding ?? '', 'base64').toString()).toBe('json/plain');
      const again = await ask(path, bearer(BOB), JSON.stringify({ payloads }));
      expect(await again.json()).toEqual({ payloads });
    },
  );

  test.each([
    ['without a token', {}],
    ['with another', bearer({ token: 'c'.repeat(32) })],
    ['with half of one', bearer({ token: 'a'.repeat(16) })],
    ['with none after Bearer', { authorization: 'Bearer' }],
    ["with another's name", basic({ ...ALICE, name: 'bob' })],
    ['with a name alone', basic({ ...ALICE, token: '' })],
    ['with a token in another scheme', { authorization: `Token ${ALICE.token}` }],
    [
      'with a cookie that nobody has issued',
      { cookie: 'concord-codec=alice.9999999999999.xxxx', origin: UI },
    ],
  ])('%s: 401', async (_, headers) => {
    const response = await ask('/decode', headers);
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('secret-customer');
  });

  test.each([
    ['no JSON', 'nonsense'],
    ['another form', '{"payloads": [{"data": 1}]}'],
    ['no base64', '{"payloads": [{"data": "$$"}]}'],
  ])('%s: 400', async (_, body) => {
    expect((await ask('/decode', bearer(ALICE), body)).status).toBe(400);
  });

  test('a key that it lacks is named: 400', async () => {
    const metadata = {
      encoding: Buffer.from('binary/encrypted'),
      'encryption-key-id': Buffer.from('2025-01'),
    };
    const response = await ask(
      '/decode',
      bearer(ALICE),
      JSON.stringify({ payloads: [asJson({ metadata })] }),
    );
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/the key 2025-01, which is not among ENCRYPTION_KEYS/);
  });

  test('more than 8 MiB: 413; another method: 405; another page: 404', async () => {
    expect((await ask('/decode', bearer(ALICE), ' '.repeat(8 * 1024 * 1024 + 1))).status).toBe(413);
    expect((await ask('/decode', bearer(ALICE), null, 'GET')).status).toBe(405);
    expect((await ask('/nowhere', bearer(ALICE))).status).toBe(404);
  });
});

test('nobody encrypts, unless that is switched on', async () => {
  expect((await ask('/encode', bearer(ALICE))).status).toBe(403);
  const response = await fetch(`${encrypting}/encode`, {
    method: 'POST',
    headers: bearer(ALICE),
    body: '{"payloads":[{"data":"AAAA"}]}',
  });
  expect(await response.text()).toContain(Buffer.from('binary/encrypted').toString('base64'));
});

describe('other origins', () => {
  test('only a listed one is told that it may read', async () => {
    const preflight = (origin: string) =>
      ask('/decode', { origin, 'access-control-request-method': 'POST' }, null, 'OPTIONS');
    const allowed = await preflight(UI);
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, UI]);
    expect(allowed.headers.get('access-control-allow-credentials')).toBe('true');
    for (const origin of [FOREIGN, 'null', `${UI}0`]) {
      const refused = await preflight(origin);
      expect([refused.status, refused.headers.get('access-control-allow-origin')], origin).toEqual([
        403,
        null,
      ]);
    }
  });

  test('a foreign page is refused, whatever it brings', async () => {
    expect((await ask('/decode', { ...basic(ALICE), origin: UI })).status).toBe(200);
    expect((await ask('/decode', { ...basic(ALICE), origin: FOREIGN })).status).toBe(403);
    expect((await ask('/decode', { ...bearer(ALICE), origin: FOREIGN })).status).toBe(403);
  });
});

describe('a private network', () => {
  const preflight = (origin: string, asks: Record<string, string>) =>
    ask('/decode', { origin, 'access-control-request-method': 'POST', ...asks }, null, 'OPTIONS');
  const ASKS = { 'access-control-request-private-network': 'true' };
  const allowed = 'access-control-allow-private-network';

  test('is opened to a public page of a listed origin that asks for it', async () => {
    const { status, headers } = await preflight(UI, ASKS);
    expect([status, headers.get('access-control-allow-origin'), headers.get(allowed)]).toEqual([
      204,
      UI,
      'true',
    ]);
    expect((await preflight(UI, {})).headers.get(allowed), 'not asked').toBeNull();
    const denied = { 'access-control-request-private-network': 'false' };
    expect((await preflight(UI, denied)).headers.get(allowed)).toBeNull();
  });

  test('stays closed to others', async () => {
    for (const origin of [FOREIGN, 'null', `${UI}0`]) {
      const refused = await preflight(origin, ASKS);
      expect([refused.status, refused.headers.get(allowed)], origin).toEqual([403, null]);
    }
    const { headers } = await ask('/decode', ASKS, null, 'OPTIONS');
    expect(headers.get(allowed), 'no page').toBeNull();
  });
});

describe.each([
  ['passes Host on', true],
  ['sends its own Host', false],
])('behind a proxy that ends TLS and %s', (_, keepsHost) => {
  let proxied: (path: string, sent: Sent) => Promise<Received>;

  beforeAll(async () => {
    await using authority = await createAuthority();
    const { certificate, key } = await authority.issue('codec.example');
    const proxy = createSecureServer({ cert: certificate, key }, (request, response) => {
      const { host } = request.headers;
      const forwarded = {
        'x-forwarded-host': host,
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '192.0.2.1',
      };
      const { method, headers } = request;
      const sent = { ...headers, ...forwarded, ...(keepsHost ? {} : { host: new URL(url).host }) };
      const toServer = httpRequest(url + request.url, { method, headers: sent }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      request.pipe(toServer);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    ends.push(
      () => proxy.closeAllConnections(),
      () => proxy.close(),
    );
    const { port } = proxy.address() as AddressInfo;
    const trust = { host: '127.0.0.1', port, servername: 'codec.example', ca: authority.certificate };
    proxied = (path, { headers, ...sent }) =>
      received(secureRequest, { ...trust, path, headers: { host: 'codec.example', ...headers } }, sent);
  });

  test('its page asks for name and token, and knows them', async () => {
    const asked = await proxied('/', {});
    expect([asked.status, asked.headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="Concord codec server"',
    ]);
    const known = await proxied('/', { headers: basic(ALICE) });
    expect([known.status, known.body]).toEqual([200, 'You are known as alice. Now reload the Web UI.']);
  });

  test('a page of a listed origin may ask, another may not, be it of the same host', async () => {
    const preflight = { origin: UI, 'access-control-request-method': 'POST' };
    const answer = await proxied('/decode', { method: 'OPTIONS', headers: preflight });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([204, UI]);
    const decode = (headers: Record<string, string>) =>
      proxied('/decode', { method: 'POST', headers: { ...basic(ALICE), ...headers }, body: encrypted });
    const decoded = await decode({ origin: UI });
    expect([decoded.status, decoded.headers['access-control-allow-origin']]).toEqual([200, UI]);
    for (const origin of ['https://codec.example', FOREIGN]) {
      const { status, headers } = await decode({ origin });
      expect([status, headers['access-control-allow-origin']], origin).toEqual([403, undefined]);
    }
  });
});

test("a stranger's name that points here makes no page ours, whatever Host and a forwarded host say", async () => {
  const { host, hostname, port } = new URL(url);
  const rebound = `evil.example:${port}`;
  const decode = (headers: Record<string, string>) =>
    received(
      httpRequest,
      { host: hostname, port, path: '/decode', headers: { host: rebound, ...basic(ALICE), ...headers } },
      { method: 'POST', body: encrypted },
    );
  const origin = `http://${rebound}`;
  const forwarded = { 'x-forwarded-host': rebound, forwarded: `host=${rebound};proto=http` };
  for (const headers of [
    { origin },
    { origin, ...forwarded },
    { origin, host },
    { origin: `http://${host}` },
  ]) {
    const refused = await decode(headers);
    expect(refused.status, JSON.stringify(headers)).toBe(403);
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
  }
});

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

interface Received {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Unlike `fetch`, it lets a test say what Host is. */
async function received(
  request: typeof httpRequest | typeof secureRequest,
  options: SecureRequestOptions,
  { method = 'GET', body }: Omit<Sent, 'headers'>,
): Promise<Received> {
  const sent = request({ ...options, method }).end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

describe('a browser', () => {
  const open = async (headers: Record<string, string>) => {
    const response = await fetch(`${url}/`, { headers });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  test.each([
    ['without a token', {}],
    ['with a wrong one', basic({ ...ALICE, token: 'c'.repeat(32) })],
    ["with another's", basic({ ...ALICE, name: 'bob' })],
  ])('%s is asked for it', async (_, headers) => {
    const asked = await open(headers);
    expect(asked.status).toBe(401);
    expect(asked.headers.get('www-authenticate')).toBe('Basic realm="Concord codec server"');
  });

  test('learns who its user is, and keeps nothing of ours', async () => {
    const { status, headers, text } = await open(basic(ALICE));
    expect([status, text]).toEqual([200, 'You are known as alice. Now reload the Web UI.']);
    expect(headers.get('set-cookie')).toBeNull();
    expect(headers.get('cache-control')).toBe('no-store');
  });
});

test('the log says who has asked, and nothing of what', async () => {
  log.length = 0;
  await ask('/decode', { ...bearer(ALICE), origin: UI });
  await ask('/decode', bearer({ token: 'c'.repeat(32) }));
  expect(log).toEqual([
    { method: 'POST', path: '/decode', status: 200, origin: UI, caller: 'alice', payloads: 1 },
    { method: 'POST', path: '/decode', status: 401 },
  ]);
});
