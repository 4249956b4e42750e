import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its private key: as PEM, and in files. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Both, as MongoDB's driver wants it. */
  readonly bothFile: string;
}

/** A certificate authority that exists for one test. */
export interface Authority extends Certificate, AsyncDisposable {
  /** @param valid From when to when, in milliseconds from now; for an hour by default. */
  issue(name: string, valid?: readonly [number, number]): Promise<Certificate>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR = 60 * 60 * 1_000;

export async function createAuthority(name = 'test authority'): Promise<Authority> {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  const keys = await newKeys();
  const own = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    ...validity([-HOUR, HOUR]),
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, 1, true)],
  });
  let issued = 0;
  return {
    ...(await written(path.join(directory, 'authority'), own, keys)),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
    async issue(subject, valid = [-HOUR, HOUR]) {
      const subjectKeys = await newKeys();
      const certificate = await X509CertificateGenerator.create({
        subject: `CN=${subject}`,
        issuer: own.subject,
        publicKey: subjectKeys.publicKey,
        signingKey: keys.privateKey,
        ...validity(valid),
        signingAlgorithm: ALGORITHM,
        extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: subject }])],
      });
      issued += 1;
      return written(path.join(directory, `certificate-${issued}`), certificate, subjectKeys);
    },
  };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

function validity([from, until]: readonly [number, number]) {
  return { notBefore: new Date(Date.now() + from), notAfter: new Date(Date.now() + until) };
}

async function written(
  file: string,
  made: X509Certificate,
  { privateKey }: webcrypto.CryptoKeyPair,
): Promise<Certificate> {
  const certificate = made.toString('pem');
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
  const files = { certificateFile: `${file}.pem`, keyFile: `${file}.key`, bothFile: `${file}-both.pem` };
  await writeFile(files.certificateFile, certificate);
  await writeFile(files.keyFile, key);
  await writeFile(files.bothFile, `${certificate}\n${key}\n`);
  return { certificate, key, ...files };
}
