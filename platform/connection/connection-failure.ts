import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import type { ConnectionOptions as TemporalOptions } from '@temporalio/client';
import { splitAddress } from './address.ts';
import { openTunnel, ProxyError, proxyTo } from './proxy.ts';

/** What to do about a TLS error, by the code that Node gives it; undefined if it is another. */
export function tlsFailure(code: string, { authority, certificate, otherName }: typeof NAMES) {
  const failures: [codes: RegExp, words: string][] = [
    [UNTRUSTED, `its certificate is of no authority that is trusted here: name its CA in ${authority}`],
    [/^CERT_HAS_EXPIRED$/, 'its certificate has expired: renew it there'],
    [/^CERT_NOT_YET_VALID$/, "its certificate is not valid yet: check both machines' clocks"],
    [/^ERR_TLS_CERT_ALTNAME_INVALID$/, `its certificate is for another name: ${otherName}`],
    [NOT_TLS, 'it does not speak TLS: check the address, or switch TLS off'],
    [/ALERT_CERTIFICATE_EXPIRED$/, `our own certificate has expired: renew ${certificate}`],
    [CERTIFICATE_WANTED, `it wants a client certificate: name one in ${certificate}`],
    [CERTIFICATE_REFUSED, `it does not accept our own certificate: check ${certificate}`],
  ];
  return failures.find(([codes]) => codes.test(code))?.[1];
}

const UNTRUSTED =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_SIGNATURE_FAILURE)$/;
const NOT_TLS = /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|EPROTO)$/;
const CERTIFICATE_WANTED = /ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)$/;
const CERTIFICATE_REFUSED = /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(UNKNOWN|REVOKED)|ACCESS_DENIED)$/;

type Target = Pick<TemporalOptions, 'tls' | 'apiKey'> & { readonly address: string };

/** Why Temporal can't be reached, if TLS or a proxy is why. The SDK doesn't say, so this connects once more. */
export async function temporalFailure(target: Target): Promise<string | undefined> {
  return tlsFailureOf(target).catch((error) => {
    if (error instanceof ProxyError) return error.message;
    throw error;
  });
}

async function tlsFailureOf({ address, apiKey, tls }: Target) {
  if (!(tls ?? apiKey !== undefined)) {
    const { isSecured } = await handshake(address, { rejectUnauthorized: false });
    return isSecured ? SWITCH_ON : undefined;
  }
  const settings = tls && tls !== true ? tls : {};
  const { serverRootCACertificate: ca, clientCertPair: own, serverNameOverride: servername } = settings;
  const expiry = own && new X509Certificate(own.crt).validTo;
  if (expiry !== undefined && Date.parse(expiry) <= Date.now()) {
    const day = new Date(expiry).toISOString().slice(0, 10);
    return `our own certificate expired on ${day}: renew ${NAMES.certificate}`;
  }
  const { isSecured, end } = await handshake(address, {
    servername: servername ?? undefined,
    ca: ca ? Buffer.from(ca) : undefined,
    cert: own && Buffer.from(own.crt),
    key: own && Buffer.from(own.key),
  });
  if (!isSecured || end !== 'closed') return tlsFailure(end, NAMES);
  // The server completes the handshake and then leaves without a word.
  return own
    ? `it does not accept our own certificate: check ${NAMES.certificate}`
    : `it closes the connection: if it wants a client certificate, name one in ${NAMES.certificate}`;
}

const NAMES = {
  authority: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  certificate: 'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH',
  otherName: 'set TEMPORAL_TLS_SERVER_NAME to a name that is in it',
};
const SWITCH_ON =
  'it speaks TLS: set TEMPORAL_TLS=true, and TEMPORAL_TLS_SERVER_CA_CERT_PATH where its CA is your own';

// How long a server may take for a handshake, and for leaving after it. Milliseconds.
const PATIENCE = 2_000;

/** Whether TLS was established, and how that ended: `closed`, or an error's code, also for a timeout. @throws ProxyError */
async function handshake(address: string, options: ConnectionOptions) {
  const { host, port } = splitAddress(address);
  const servername = options.servername || (isIP(host) ? undefined : host);
  const signal = AbortSignal.timeout(PATIENCE);
  const proxy = proxyTo(address);
  let socket: Socket | undefined;
  let isSecured = false;
  try {
    const way = proxy ? { socket: await openTunnel(proxy, address, signal) } : { host, port };
    socket = connect({ ...options, servername, ...way, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect', { signal });
    isSecured = true;
    // A server that does not accept our certificate says so, or leaves, only now.
    await once(socket.resume(), 'close', { signal });
    return { isSecured, end: 'closed' };
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    // A server that leaves may do so with a reset.
    return { isSecured, end: code === 'ECONNRESET' || code === 'EPIPE' ? 'closed' : code };
  } finally {
    socket?.on('error', () => {}).destroy();
  }
}
