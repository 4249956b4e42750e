import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ClientConfigTLS } from '@temporalio/envconfig';
import { faultOf } from './setting.ts';

interface Problem {
  readonly field: string;
  readonly fix: string;
}

type Source = NonNullable<ClientConfigTLS['clientCert']>;

/**
 * What is wrong with certificates and keys, before a connection fails on them without saying why.
 *
 * @param nameOf What to call a value: its variable, or its field in a profile.
 */
export function problemsOfTls(
  tls: ClientConfigTLS | undefined,
  nameOf: (variable: string, field: string) => string,
): Problem[] {
  if (tls === undefined || tls.disabled === true) return [];
  const { serverCACert, clientCert, clientKey } = tls;
  const called = (source: Source | undefined, name: string) => {
    const form = source !== undefined && 'data' in source ? 'data' : 'path';
    return nameOf(`TEMPORAL_TLS_${name.toUpperCase()}_${form.toUpperCase()}`, `tls.${name}_${form}`);
  };
  const certificate = called(clientCert, 'client_cert');
  const key = called(clientKey, 'client_key');
  if (clientCert === undefined && clientKey !== undefined) {
    return [{ field: certificate, fix: `name the certificate that ${key} belongs to` }];
  }
  if (clientCert !== undefined && clientKey === undefined) {
    return [{ field: key, fix: `name the private key of ${certificate}` }];
  }
  const problems = [
    problemOf(serverCACert, called(serverCACert, 'server_ca_cert'), asCertificate),
    problemOf(clientCert, certificate, asCertificate),
    problemOf(clientKey, key, asPrivateKey),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0 || clientCert === undefined || clientKey === undefined) return problems;
  if (asCertificate(bytesOf(clientCert)).checkPrivateKey(asPrivateKey(bytesOf(clientKey)))) return [];
  return [{ field: key, fix: `this is not the private key of ${certificate}` }];
}

function problemOf(
  source: Source | undefined,
  field: string,
  read: (bytes: Uint8Array) => unknown,
): Problem | undefined {
  if (source === undefined) return undefined;
  const fault = 'path' in source ? faultOf(source.path) : undefined;
  if (fault !== undefined) return { field, fix: `${'path' in source ? source.path : ''} ${fault}` };
  try {
    read(bytesOf(source));
    return undefined;
  } catch {
    const wanted =
      read === asPrivateKey ? 'a private key in PEM, without passphrase' : 'a certificate in PEM';
    return { field, fix: `use ${wanted}; this is none` };
  }
}

const asCertificate = (bytes: Uint8Array) => new X509Certificate(bytes);
const asPrivateKey = (bytes: Uint8Array) => createPrivateKey(Buffer.from(bytes));

function bytesOf(source: Source): Uint8Array {
  if ('path' in source) return readFileSync(source.path);
  return typeof source.data === 'string' ? Buffer.from(source.data) : source.data;
}
