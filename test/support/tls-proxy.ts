import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { createServer, type TlsOptions } from 'node:tls';
import type { Certificate } from './certificates.ts';

/** A way to a server that speaks TLS on our side, and nothing but bytes on the other. */
export interface TlsProxy extends AsyncDisposable {
  readonly port: number;
}

/**
 * Listens on loopback and hands what it decrypts to a server.
 *
 * @param target `host:port`
 * @param clients Whose certificates clients have to show; by default they need none.
 */
export async function openTlsProxy(
  target: string,
  { certificate, key }: Certificate,
  clients?: Certificate,
): Promise<TlsProxy> {
  const [host = '', port] = target.split(':');
  const options: TlsOptions = {
    ...{ cert: certificate, key, ALPNProtocols: ['h2'] },
    ...(clients === undefined
      ? {}
      : { ca: clients.certificate, requestCert: true, rejectUnauthorized: true }),
  };
  const server = createServer(options, (inside) => {
    const outside = connect({ host, port: Number(port) });
    // Either side may leave whenever it likes.
    pipeline(inside, outside, inside).catch(() => {});
  });
  server.on('tlsClientError', () => {}); // what refused clients are told is what the tests are about
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
