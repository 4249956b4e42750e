import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTemporal } from '../../../platform/settings/read-temporal.ts';
import { type Authority, type Certificate, createAuthority } from '../../support/certificates.ts';

let authority: Authority;
let own: Certificate;
let other: Certificate;
let configuration: string;

beforeAll(async () => {
  authority = await createAuthority();
  own = await authority.issue('own');
  other = await authority.issue('other');
  configuration = path.join(path.dirname(own.certificateFile), 'temporal.toml');
  await writeFile(
    configuration,
    `[profile.shop]
address = "shop.example:7233"
namespace = "shop"
api_key = "of the shop"
[profile.shop.grpc_meta]
tenant = "shop"
[profile.mutual]
address = "mutual.example:7233"
[profile.mutual.tls]
client_cert_path = "${own.certificateFile}"
client_key_path = "${own.keyFile}"
server_ca_cert_path = "${authority.certificateFile}"
[profile.half.tls]
client_cert_path = "${own.certificateFile}"
[profile.broken.tls]
server_ca_cert_path = "/nowhere.pem"
`,
  );
});

afterAll(() => rm(path.dirname(configuration), { recursive: true }));

describe('a profile', () => {
  test('is taken by name; variables win over it, and a flag over TEMPORAL_PROFILE', () => {
    const variables = { TEMPORAL_CONFIG_FILE: configuration, TEMPORAL_PROFILE: 'shop' };
    expect(readTemporal(variables)).toEqual({
      namespace: 'shop',
      connection: {
        address: 'shop.example:7233',
        apiKey: 'of the shop',
        tls: true,
        metadata: { tenant: 'shop' },
      },
    });
    const more = { TEMPORAL_NAMESPACE: 'mine', TEMPORAL_TLS: 'false', TEMPORAL_GRPC_META_TENANT: '' };
    expect(readTemporal({ ...variables, ...more })).toMatchObject({
      namespace: 'mine',
      connection: { address: 'shop.example:7233', tls: false, metadata: {} },
    });
    expect(readTemporal(variables, 'mutual').connection).toMatchObject({ address: 'mutual.example:7233' });
  });

  test('brings certificates', () => {
    const { tls } = readTemporal({
      TEMPORAL_CONFIG_FILE: configuration,
      TEMPORAL_PROFILE: 'mutual',
    }).connection;
    expect(tls).toMatchObject({
      clientCertPair: { crt: bytes(own.certificate), key: bytes(own.key) },
      serverRootCACertificate: bytes(authority.certificate),
    });
  });

  test.each([
    [
      'half',
      'tls.client_key_path of the profile half: name the private key of tls.client_cert_path of the profile half',
    ],
    [
      'broken',
      "tls.server_ca_cert_path of the profile broken: /nowhere.pem can't be read: there is no such file",
    ],
    ['nobody', "TEMPORAL_PROFILE: Profile 'nobody' not found in config data"],
  ])('%s is refused by the name of its field', (profile, message) => {
    expect(() => readTemporal({ TEMPORAL_CONFIG_FILE: configuration, TEMPORAL_PROFILE: profile })).toThrow(
      message,
    );
  });
});

describe('certificates from variables', () => {
  test('are taken from files and from text', () => {
    const fromFiles = {
      TEMPORAL_TLS_CLIENT_CERT_PATH: own.certificateFile,
      TEMPORAL_TLS_CLIENT_KEY_PATH: own.keyFile,
    };
    const fromText = {
      TEMPORAL_TLS_CLIENT_CERT_DATA: own.certificate,
      TEMPORAL_TLS_CLIENT_KEY_DATA: own.key,
    };
    for (const variables of [fromFiles, fromText]) {
      const { tls } = readTemporal(variables).connection;
      expect(tls).toMatchObject({ clientCertPair: { crt: bytes(own.certificate), key: bytes(own.key) } });
    }
  });

  test('are refused by name, before any connection, where they can never work', () => {
    const messageFor = (variables: Record<string, string>) => {
      try {
        return readTemporal(variables);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const CERT = 'TEMPORAL_TLS_CLIENT_CERT_PATH';
    const KEY = 'TEMPORAL_TLS_CLIENT_KEY_PATH';
    expect(messageFor({ [CERT]: own.certificateFile })).toBe(`${KEY}: name the private key of ${CERT}`);
    expect(messageFor({ [KEY]: own.keyFile })).toBe(`${CERT}: name the certificate that ${KEY} belongs to`);
    expect(messageFor({ [CERT]: own.certificateFile, [KEY]: other.keyFile })).toBe(
      `${KEY}: this is not the private key of ${CERT}`,
    );
    expect(messageFor({ [CERT]: own.keyFile, [KEY]: own.keyFile })).toBe(
      `${CERT}: use a certificate in PEM; this is none`,
    );
    expect(messageFor({ [CERT]: own.certificateFile, [KEY]: own.certificateFile })).toBe(
      `${KEY}: use a private key in PEM, without passphrase; this is none`,
    );
    expect(
      messageFor({
        [CERT]: own.certificateFile,
        TEMPORAL_TLS_CLIENT_CERT_DATA: own.certificate,
        [KEY]: own.keyFile,
      }),
    ).toMatch(/^TEMPORAL_TLS_CLIENT_CERT_DATA: Cannot specify both/);
  });
});

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
