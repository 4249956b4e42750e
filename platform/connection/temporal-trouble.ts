import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import type { ConnectionOptions as TemporalOptions } from '@temporalio/client';
import { tlsTrouble } from './tls-trouble.ts';

type Reached = Pick<TemporalOptions, 'tls' | 'apiKey'> & { readonly address: string };

/**
 * Why a Temporal server that was to answer doesn't, and what to do, as far as TLS is the reason; nothing otherwise. The
 * SDK's own errors don't say: so this connects once more, and looks.
 */
export async function temporalTrouble(options: Reached): Promise<string | undefined> {
  const { address, apiKey } = options;
  const tls = options.tls ?? (apiKey === undefined ? undefined : true);
  if (!tls) {
    const { isSecured } = await outcomeOf(address, { rejectUnauthorized: false });
    return isSecured ? SWITCH_ON : undefined;
  }
  const {
    serverRootCACertificate: authority,
    clientCertPair: own,
    serverNameOverride: name,
  } = tls === true ? {} : tls;
  const expired = own && expiryOf(own.crt);
  if (expired !== undefined) return expired;
  const { isSecured, end } = await outcomeOf(address, {
    ...(name ? { servername: name } : {}),
    ...(authority ? { ca: Buffer.from(authority) } : {}),
    ...(own ? { cert: Buffer.from(own.crt), key: Buffer.from(own.key) } : {}),
  });
  const trouble = tlsTrouble(end, WORDS);
  if (trouble !== undefined || !isSecured || end !== 'closed') return trouble;
  // A server that has seen the handshake through, and then leaves without a word.
  return own
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

function expiryOf(certificate: Uint8Array): string | undefined {
  const { validTo } = new X509Certificate(certificate);
  if (Date.parse(validTo) > Date.now()) return undefined;
  const day = new Date(validTo).toISOString().slice(0, 10);
  return `our own certificate expired on ${day}: renew ${WORDS.certificate}`;
}

// How long a server may take for a handshake, or for leaving after it. Milliseconds.
const PATIENCE = 2_000;

interface Attempt {
  /** Whether the handshake was seen through. */
  readonly isSecured: boolean;
  /** `closed`, or an error's code: also where the time was up. */
  readonly end: string;
}

async function outcomeOf(address: string, options: ConnectionOptions): Promise<Attempt> {
  const [, bracketed = address, port = '7233'] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  const host = bracketed.replace(/^\[|\]$/g, '');
  const name = isIP(host) ? {} : { servername: host };
  const socket = connect({ ...name, host, port: Number(port), ALPNProtocols: ['h2'], ...options });
  const signal = AbortSignal.timeout(PATIENCE);
  let isSecured = false;
  try {
    await once(socket, 'secureConnect', { signal });
    isSecured = true;
    // One that does not accept our certificate says so, or leaves, only now.
    await once(socket.resume(), 'close', { signal });
    return { isSecured, end: 'closed' };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    // A server that leaves may do so with a reset.
    return { isSecured, end: code === 'ECONNRESET' || code === 'EPIPE' ? 'closed' : code };
  } finally {
    socket.on('error', () => {}).destroy();
  }
}
