import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { splitAddress } from '../../platform/connection/address.ts';

/** An HTTP proxy that knows one server, by whatever name it is asked for. */
export interface ConnectProxy extends AsyncDisposable {
  readonly port: number;
  /** What was asked for so far, each with the credentials that came with it. */
  readonly asked: readonly (readonly [target: string, authorization: string | undefined])[];
}

/** Listens on loopback. @param target `host:port`; undefined refuses whatever is asked for. */
export async function openConnectProxy(target?: string): Promise<ConnectProxy> {
  const asked: [string, string | undefined][] = [];
  const server = createServer();
  server.on('connect', ({ url = '', headers }, inside, head) => {
    asked.push([url, headers['proxy-authorization']]);
    if (target === undefined) return inside.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const outside = connect(splitAddress(target), () => {
      inside.write('HTTP/1.1 200 Connection established\r\n\r\n');
      outside.write(head);
    });
    // Either side may leave whenever it likes.
    pipeline(inside, outside, inside).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
