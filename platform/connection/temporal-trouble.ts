import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type ConnectionOptions as SocketOptions } from 'node:tls';
import type { ConnectionOptions, TLSConfig } from '@temporalio/client';
import { tlsTrouble } from './tls-trouble.ts';

type Reached = Pick<ConnectionOptions, 'tls' | 'apiKey'> & { readonly address: string };

/**
 * Why a Temporal server that was to answer doesn't, and what to do, as far as TLS is the reason; nothing otherwise. The
 * SDK's own errors don't say: so this connects once more, and looks.
 */
export async function temporalTrouble(options: Reached): Promise<string | undefined> {
  const where = hostAndPort(options.address);
  const tls = tlsOf(options);
  if (tls === undefined) {
    const { isSecured } = await outcomeOf({ ...where, rejectUnauthorized: false });
    return isSecured ? SWITCH_ON : undefined;
  }
  const expired = expiryOf(tls);
  if (expired !== undefined) return expired;
  const { isSecured, end } = await outcomeOf({ ...where, ...socketOptions(where.host, tls) });
  const trouble = tlsTrouble(end, WORDS);
  if (trouble !== undefined || !isSecured || end !== 'closed') return trouble;
  // A server that has seen the handshake through, and then leaves without a word.
  return tls.clientCertPair
    ? `it does not accept our own certificate: check ${WORDS.certificate}`
    : `it closes the connection: if it wants a client certificate, name one in ${WORDS.certificate}`;
}

const WORDS = {
  authority: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  certificate: 'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH',
  otherName: 'set TEMPORAL_TLS_SERVER_NAME to a name that is in it',
};
const SWITCH_ON =
  'it speaks TLS: set TEMPORAL_TLS=true, and TEMPORAL_TLS_SERVER_CA_CERT_PATH where its CA is your own';

function tlsOf({ tls, apiKey }: Reached): TLSConfig | undefined {
  const option = tls ?? (apiKey === undefined ? undefined : true);
  if (option === true) return {};
  return option || undefined;
}

function expiryOf({ clientCertPair }: TLSConfig): string | undefined {
  if (clientCertPair === undefined) return undefined;
  const { validTo } = new X509Certificate(clientCertPair.crt);
  if (Date.parse(validTo) > Date.now()) return undefined;
  const day = new Date(validTo).toISOString().slice(0, 10);
  return `our own certificate expired on ${day}: renew ${WORDS.certificate}`;
}

function socketOptions(host: string, tls: TLSConfig): SocketOptions {
  const name = tls.serverNameOverride ?? host;
  const { serverRootCACertificate: authority, clientCertPair: own } = tls;
  return {
    ...(isIP(name) ? {} : { servername: name }),
    ...(authority ? { ca: Buffer.from(authority) } : {}),
    ...(own ? { cert: Buffer.from(own.crt), key: Buffer.from(own.key) } : {}),
  };
}

// What a client of gRPC begins with, once it may.
const FIRST_WORDS = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
const PATIENCE = 2_000;

interface Attempt {
  /** Whether the handshake was seen through. */
  readonly isSecured: boolean;
  /** `answered`, `silent`, `closed`, or an error's code. */
  readonly end: string;
}

function outcomeOf(options: SocketOptions): Promise<Attempt> {
  return new Promise((resolve) => {
    const socket = connect({ ...options, ALPNProtocols: ['h2'] });
    let isSecured = false;
    const finish = (end: string) => {
      resolve({ isSecured, end });
      socket.destroy();
    };
    socket.setTimeout(PATIENCE, () => finish('silent'));
    socket.once('secureConnect', () => {
      isSecured = true;
      socket.write(FIRST_WORDS);
    });
    socket.once('data', () => finish('answered'));
    socket.once('error', (error) => finish(codeOf(error)));
    socket.once('close', () => finish('closed'));
  });
}

/** A server that leaves may do so with a reset. */
function codeOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'closed' : code;
}

function hostAndPort(address: string): { host: string; port: number } {
  const [, host = address, port = '7233'] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
