import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSecureServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { MongoServerError } from 'mongodb';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Concord } from '../../../client/concord.ts';
import { readTemporal } from '../../../platform/settings/read-temporal.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { connectTemporal, mongodbFailure } from '../../../workers/connections.ts';
import { type Authority, type Certificate, createAuthority } from '../../support/certificates.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runCli } from '../../support/run-cli.ts';
import { startWorker } from '../../support/start-worker.ts';
import { openTlsProxy, type TlsProxy } from '../../support/tls-proxy.ts';

const NAME = 'temporal.test';
const DAY = 24 * 60 * 60 * 1_000;

let platform: Platform;
let authority: Authority;
let stranger: Authority;
let own: Certificate;
let mutual: TlsProxy;
/** What reaches the server by mTLS. */
let variables: Record<string, string>;

beforeAll(async () => {
  platform = await startPlatform();
  authority = await createAuthority();
  stranger = await createAuthority('another authority');
  own = await authority.issue('client');
  mutual = await openTlsProxy(platform.address, await authority.issue(NAME), authority);
  variables = {
    TEMPORAL_ADDRESS: `127.0.0.1:${mutual.port}`,
    TEMPORAL_NAMESPACE: platform.namespace,
    TEMPORAL_TLS_SERVER_NAME: NAME,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.certificateFile,
    TEMPORAL_TLS_CLIENT_CERT_PATH: own.certificateFile,
    TEMPORAL_TLS_CLIENT_KEY_PATH: own.keyFile,
  };
});

afterAll(async () => {
  await mutual[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  for (const each of [authority, stranger]) await each[Symbol.asyncDispose]();
});

const withCertificate = ({ certificateFile, keyFile }: Certificate) => ({
  TEMPORAL_TLS_CLIENT_CERT_PATH: certificateFile,
  TEMPORAL_TLS_CLIENT_KEY_PATH: keyFile,
});

const failureOf = (settings: Record<string, string>) =>
  Concord.connectFromEnvironment(settings).then(
    () => 'connected',
    (error: Error) => error.message,
  );

describe('mTLS', () => {
  test('brings the typed client, the command line and workers to Temporal, and workers by TLS to MongoDB', async () => {
    const { host } = new URL(inject('mongodbUri').replace(/^mongodb:/, 'http:'));
    await using mongodb = await openTlsProxy(host, await authority.issue('localhost'));
    await platform.stop('inventory');
    const concord = await Concord.connectFromEnvironment(variables);
    const worker = await startWorker({
      name: 'inventory',
      environment: {
        ...variables,
        INVENTORY_DATABASE: platform.databases.inventory.databaseName,
        INVENTORY_MONGODB_URI: `mongodb://localhost:${mongodb.port}/?directConnection=true&tls=true&tlsCAFile=${authority.certificateFile}`,
      },
      directory: path.dirname(own.certificateFile),
      concord,
      report: silentReport,
    });
    try {
      expect(await concord.restock('BY-TLS', 5)).toMatchObject({ available: 5 });
      const { exitCode, stdout } = await runCli(['stock', 'BY-TLS'], { env: variables });
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^BY-TLS\t5\t/) });
    } finally {
      await worker.stop();
      await concord.close();
      await platform.start('inventory');
    }
  });

  test('what is wrong with it is said on one line, with what to do', async () => {
    const { TEMPORAL_TLS_CLIENT_CERT_PATH: _, TEMPORAL_TLS_CLIENT_KEY_PATH: __, ...without } = variables;
    const expired = await authority.issue('client', [-2 * DAY, -DAY]);
    const CLIENT = 'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH';
    const cases: [Record<string, string>, RegExp][] = [
      [
        { ...variables, TEMPORAL_TLS_SERVER_CA_CERT_PATH: stranger.certificateFile },
        /its CA in TEMPORAL_TLS_SERVER_CA_CERT_PATH$/,
      ],
      [
        { ...variables, TEMPORAL_TLS_SERVER_NAME: 'other.test' },
        /for another name: set TEMPORAL_TLS_SERVER_NAME/,
      ],
      [without, new RegExp(`wants a client certificate[,:] name one in ${CLIENT}$`)],
      [
        { ...variables, ...withCertificate(expired) },
        new RegExp(`own certificate expired on \\d{4}-\\d\\d-\\d\\d: renew ${CLIENT}$`),
      ],
      [
        { ...variables, ...withCertificate(await stranger.issue('client')) },
        new RegExp(`does not accept our own certificate: check ${CLIENT}$`),
      ],
      [{ TEMPORAL_ADDRESS: variables.TEMPORAL_ADDRESS ?? '' }, /it speaks TLS: set TEMPORAL_TLS=true/],
      [
        { ...variables, TEMPORAL_ADDRESS: platform.address },
        /does not speak TLS: check the address, or switch TLS off$/,
      ],
    ];
    const messages = await Promise.all(cases.map(([settings]) => failureOf(settings)));
    for (const [index, [, expected]] of cases.entries()) expect(messages[index]).toMatch(expected);
    for (const message of messages)
      expect(message).toMatch(/^Temporal at 127\.0\.0\.1:\d+ can't be reached; [^\n]+$/);
    // A worker says the same.
    const [settings, expected] = cases[0] ?? [{}, /never/];
    await expect(connectTemporal(readTemporal(settings).connection)).rejects.toThrow(expected);
  });

  test('the command line ends with exit code 3, within seconds', async () => {
    const env = { ...variables, TEMPORAL_TLS_SERVER_CA_CERT_PATH: stranger.certificateFile };
    const { exitCode, stdout, stderr } = await runCli(['list'], { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toMatch(/^error: Temporal at [^\n]* name its CA in TEMPORAL_TLS_SERVER_CA_CERT_PATH$/);
  });
});

describe('an API key', () => {
  test('arrives as a bearer token, by TLS; a wrong one is one line, and is shown nowhere', async () => {
    await using server = await openKeyed('right-key', await authority.issue(NAME));
    const settings = (key: string) => ({
      ...{
        TEMPORAL_ADDRESS: `127.0.0.1:${server.port}`,
        TEMPORAL_API_KEY: key,
        TEMPORAL_TLS_SERVER_NAME: NAME,
      },
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.certificateFile,
    });
    const concord = await Concord.connectFromEnvironment(settings('right-key'));
    await concord.close();
    const connection = await connectTemporal(readTemporal(settings('right-key')).connection);
    await connection.close();
    expect(new Set(server.seen.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer right-key']),
    );

    const fix = /does not accept who (you|we) are: check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH$/;
    await expect(connectTemporal(readTemporal(settings('wrong-key')).connection)).rejects.toThrow(fix);
    const { exitCode, stdout, stderr } = await runCli(['list'], { env: settings('wrong-key') });
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toMatch(fix);
    expect(stderr.split('\n')).toHaveLength(1);
    const doctor = await runCli(['doctor'], { env: settings('wrong-key') });
    expect(doctor.exitCode).toBe(3);
    expect(doctor.stdout).toMatch(new RegExp(fix.source, 'm'));
    expect(stderr + doctor.stdout + doctor.stderr).not.toContain('wrong-key');
  });
});

describe('MongoDB', () => {
  test('a CA that is not trusted: a worker says what to do, and never the password', async () => {
    const { host } = new URL(inject('mongodbUri').replace(/^mongodb:/, 'http:'));
    await using mongodb = await openTlsProxy(host, await authority.issue('localhost'));
    const uri = `mongodb://me:do-not-show@localhost:${mongodb.port}/?directConnection=true&tls=true&tlsCAFile=${stranger.certificateFile}`;
    const child = spawn(process.execPath, ['--import', 'tsx', 'workers/inventory.ts'], {
      env: { ...process.env, TEMPORAL_ADDRESS: platform.address, INVENTORY_MONGODB_URI: uri },
    });
    const output = outputOf(child);
    await expect.poll(output).toContain('name its CA in INVENTORY_MONGODB_URI, as tlsCAFile=…');
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(output()).not.toContain('do-not-show');
  });

  test('a wrong user or password, and one without rights, are told apart', () => {
    const failed = (code: number) => new MongoServerError({ code, message: 'in its own words' });
    expect(mongodbFailure(failed(18), 'ORDERS_MONGODB_URI')).toMatch(
      /user or the password in ORDERS_MONGODB_URI/,
    );
    expect(mongodbFailure(failed(13), 'ORDERS_MONGODB_URI')).toMatch(
      /in ORDERS_MONGODB_URI may not use this database/,
    );
    expect(mongodbFailure(failed(1), 'ORDERS_MONGODB_URI')).toBe('in its own words');
  });
});

function outputOf({ stdout, stderr }: ChildProcess): () => string {
  let output = '';
  for (const stream of [stdout, stderr]) stream?.on('data', (data) => (output += data));
  return () => output;
}

/** As much of a Temporal server as tells a right API key from a wrong one. */
async function openKeyed(apiKey: string, { certificate, key }: Certificate) {
  const seen: IncomingHttpHeaders[] = [];
  const server = createSecureServer({ cert: certificate, key });
  server.on('stream', (stream, headers) => {
    const isKnown = headers.authorization === `Bearer ${apiKey}`;
    if (isKnown) seen.push(headers);
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () =>
      stream.sendTrailers(
        isKnown ? { 'grpc-status': '0' } : { 'grpc-status': '16', 'grpc-message': 'Request unauthorized' },
      ),
    );
    // An empty message where there is one: everything has its default.
    stream.end(isKnown ? Buffer.alloc(5) : undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
