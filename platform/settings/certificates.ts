import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ClientConfigTLS } from '@temporalio/envconfig';
import { faultOf } from './setting.ts';

interface Problem {
  readonly field: string;
  readonly fix: string;
}

interface Part {
  /** What to call it. */
  readonly field: string;
  readonly source: ClientConfigTLS['clientCert'];
}

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
  const part = (name: string, source: Part['source']): Part => {
    const form = source !== undefined && 'data' in source ? 'data' : 'path';
    return { field: nameOf(`TEMPORAL_TLS_${name}_${form}`.toUpperCase(), `tls.${name}_${form}`), source };
  };
  const authority = part('server_ca_cert', tls.serverCACert);
  const certificate = part('client_cert', tls.clientCert);
  const key = part('client_key', tls.clientKey);
  if (certificate.source === undefined && key.source !== undefined)
    return [{ field: certificate.field, fix: `name the certificate that ${key.field} belongs to` }];
  if (certificate.source !== undefined && key.source === undefined)
    return [{ field: key.field, fix: `name the private key of ${certificate.field}` }];
  const problems: Problem[] = [];
  const read = <Result>({ field, source }: Part, form: string, parse: (pem: Buffer) => Result) => {
    if (source === undefined) return undefined;
    const fault = 'path' in source ? faultOf(source.path) : undefined;
    try {
      if (fault === undefined) return parse(bytesOf(source));
      problems.push({ field, fix: `${'path' in source ? source.path : ''} ${fault}` });
    } catch {
      problems.push({ field, fix: `use ${form}; this is none` });
    }
    return undefined;
  };
  read(authority, 'a certificate in PEM', asCertificate);
  const own = read(certificate, 'a certificate in PEM', asCertificate);
  const ownKey = read(key, 'a private key in PEM, without passphrase', createPrivateKey);
  if (own && ownKey && !own.checkPrivateKey(ownKey))
    problems.push({ field: key.field, fix: `this is not the private key of ${certificate.field}` });
  return problems;
}

const asCertificate = (pem: Buffer) => new X509Certificate(pem);

function bytesOf(source: NonNullable<Part['source']>): Buffer {
  return 'path' in source ? readFileSync(source.path) : Buffer.from(source.data);
}
