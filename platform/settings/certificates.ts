import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ClientConfigTLS } from '@temporalio/envconfig';
import { faultOf } from './setting.ts';

/** What can't work, before a connection fails without saying why. @param nameOf A variable, or a profile's field. */
export function problemsOfTls(
  tls: ClientConfigTLS | undefined,
  nameOf: (variable: string, field: string) => string,
): { field: string; fix: string }[] {
  if (tls === undefined || tls.disabled === true) return [];
  const part = (name: string, source: ClientConfigTLS['clientCert']) => {
    const form = source !== undefined && 'data' in source ? 'data' : 'path';
    return { field: nameOf(`TEMPORAL_TLS_${name}_${form}`.toUpperCase(), `tls.${name}_${form}`), source };
  };
  const authority = part('server_ca_cert', tls.serverCACert);
  const certificate = part('client_cert', tls.clientCert);
  const key = part('client_key', tls.clientKey);
  if (tls.clientCert === undefined && tls.clientKey !== undefined)
    return [{ field: certificate.field, fix: `name the certificate that ${key.field} belongs to` }];
  if (tls.clientCert !== undefined && tls.clientKey === undefined)
    return [{ field: key.field, fix: `name the private key of ${certificate.field}` }];
  const problems: { field: string; fix: string }[] = [];
  const read = <Result>({ field, source }: typeof key, form: string, parse: (pem: Buffer) => Result) => {
    if (source === undefined) return undefined;
    const fault = 'path' in source ? faultOf(source.path) : undefined;
    try {
      if (fault === undefined)
        return parse('path' in source ? readFileSync(source.path) : Buffer.from(source.data));
      problems.push({ field, fix: fault });
    } catch {
      problems.push({ field, fix: `use ${form}; this is none` });
    }
    return undefined;
  };
  const asCertificate = (pem: Buffer) => new X509Certificate(pem);
  read(authority, 'a certificate in PEM', asCertificate);
  const own = read(certificate, 'a certificate in PEM', asCertificate);
  const ownKey = read(key, 'a private key in PEM, without passphrase', createPrivateKey);
  if (own && ownKey && !own.checkPrivateKey(ownKey))
    problems.push({ field: key.field, fix: `this is not the private key of ${certificate.field}` });
  return problems;
}
