import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Concord } from '../../../client/concord.ts';
import { isLoopback } from '../../../platform/connection/address.ts';
import { clientOptions, proxyTo, workerOptions } from '../../../platform/connection/proxy.ts';
import { connectTemporal } from '../../../workers/connections.ts';
import { createAuthority } from '../../support/certificates.ts';
import { openConnectProxy } from '../../support/connect-proxy.ts';
import { runCliAsJson, runInProcess } from '../../support/run-cli.ts';
import { openTlsProxy } from '../../support/tls-proxy.ts';

// Which way clients and workers go to a server, and what they say if that is closed. No server is needed.

const REMOTE = 'temporal.example:7233';
const VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_grpc_proxy', 'no_proxy'];

// gRPC's own lines are what this is to be better than.
setLogVerbosity(logVerbosity.NONE);

beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
});

afterEach(() => vi.unstubAllEnvs());

describe('the way to a server', () => {
  test.each([
    ['localhost:7233', true],
    ['LOCALHOST', true],
    ['127.0.0.1:7233', true],
    ['127.1.2.3:7233', true],
    ['[::1]:7233', true],
    ['[::1]', true],
    ['0.0.0.0:7233', true],
    ['[::]:7233', true],
    ['localhost.example:7233', false],
    ['10.127.0.1:7233', false],
    ['10.0.0.0:7233', false],
    ['127.0.0.1.example:7233', false],
    ['[2001:db8::1]:7233', false],
  ])('%s is of this machine: %s, and then it is never sent to a proxy', (address, isOurs) => {
    vi.stubEnv('https_proxy', 'http://proxy.example:3128');
    expect(isLoopback(address)).toBe(isOurs);
    expect(proxyTo(address) === undefined).toBe(isOurs);
    expect('proxy' in workerOptions({ address })).toBe(!isOurs);
    expect(clientOptions({ address }).channelArgs).toEqual(
      isOurs ? { 'grpc.enable_http_proxy': 0 } : undefined,
    );
  });

  test('is by the first variable that is set, as gRPC has them, for clients and workers alike', () => {
    vi.stubEnv('http_proxy', 'http://third.example');
    expect(proxyTo(REMOTE)?.name).toBe('the proxy http://third.example:80 of http_proxy');
    vi.stubEnv('https_proxy', 'http://second.example:3128');
    expect(proxyTo(REMOTE)?.name).toBe('the proxy http://second.example:3128 of https_proxy');
    vi.stubEnv('grpc_proxy', 'http://user:p%40ss@first.example:3128');
    expect(proxyTo(REMOTE)?.name).toBe('the proxy http://first.example:3128 of grpc_proxy');
    expect(workerOptions({ address: REMOTE, tls: true })).toEqual({
      address: REMOTE,
      tls: true,
      proxy: {
        type: 'http-connect',
        targetHost: 'first.example:3128',
        basicAuth: { username: 'user', password: 'p@ss' },
      },
    });
    vi.stubEnv('no_proxy', 'elsewhere,example');
    expect([proxyTo(REMOTE), workerOptions({ address: REMOTE })]).toEqual([undefined, { address: REMOTE }]);
  });
});

describe('a server behind a proxy that can’t be reached is told with the variable, and without credentials', () => {
  const failureOf = (options = {}) =>
    Concord.connect({ connection: { address: REMOTE, ...options } }).then(
      () => undefined,
      (error: Error) => error.message,
    );
  const workerFailureOf = (options = {}) =>
    connectTemporal({ address: REMOTE, ...options }).then(
      () => undefined,
      (error: Error) => error.message,
    );

  test('because nothing listens there', async () => {
    vi.stubEnv('https_proxy', 'http://user:secret@127.0.0.1:9');
    const fix =
      'the proxy does not answer (ECONNREFUSED): correct https_proxy, or name the server in no_proxy';
    const said = `Temporal at ${REMOTE}, through the proxy http://127.0.0.1:9 of https_proxy, can't be reached; ${fix}`;
    expect(await failureOf()).toBe(said);
    expect(await failureOf({ tls: true })).toBe(said);
    expect(await workerFailureOf()).toBe(`through the proxy http://127.0.0.1:9 of https_proxy: ${fix}`);
  });

  test('by the command line, in one line', async () => {
    const env = { https_proxy: 'http://user:secret@127.0.0.1:9', TEMPORAL_ADDRESS: REMOTE };
    const { exitCode, document, failure } = await runCliAsJson(['stock'], { env });
    expect({ exitCode, document, failure }).toMatchObject({
      exitCode: 3,
      document: undefined,
      failure: { error: { details: { through: 'the proxy http://127.0.0.1:9 of https_proxy' } } },
    });
    vi.stubEnv('https_proxy', env.https_proxy);
    const { stdout } = await runInProcess(['doctor', '--address', REMOTE]);
    expect(stdout).toContain('through the proxy http://127.0.0.1:9 of https_proxy: does not answer');
    expect(stdout).not.toContain('secret');
  });

  test('because it refuses', async () => {
    await using proxy = await openConnectProxy();
    vi.stubEnv('http_proxy', `http://127.0.0.1:${proxy.port}`);
    const fix = 'the proxy refuses it (403 Forbidden): correct http_proxy, or name the server in no_proxy';
    expect(await failureOf()).toContain(fix);
    expect(await workerFailureOf()).toContain(fix);
  });

  test('because of TLS, which is spoken behind it', async () => {
    await using authority = await createAuthority();
    const certificate = await authority.issue('other');
    await using server = await openTlsProxy('127.0.0.1:9', certificate);
    await using proxy = await openConnectProxy(`127.0.0.1:${server.port}`);
    vi.stubEnv('grpc_proxy', `http://127.0.0.1:${proxy.port}`);
    expect(await failureOf()).toContain('it speaks TLS: set TEMPORAL_TLS=true');
    expect(await workerFailureOf({ tls: true })).toContain('its certificate is of no authority');
    expect(proxy.asked[0]).toEqual([REMOTE, undefined]);
  });
});
