import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

export type Link = Awaited<ReturnType<typeof openLink>>;

/** Opens a TCP proxy in front of a server, which can be disturbed. @param target host:port */
export async function openLink(target: string) {
  const { hostname, port } = new URL(`tcp://${target}`);
  const sockets = new Set<Socket>();
  let isCut = false;
  let latency = 0;
  const events = new EventEmitter();
  let stalled: Promise<unknown> | undefined;

  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay();
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  async function* late(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      if (latency > 0) await delay(latency);
      await stalled;
      yield chunk;
    }
  }
  // Connections end in every way here, so that is no error.
  const carry = (from: Duplex, to: Duplex) => void pipeline(from, late, to).catch(() => {});

  const server = createServer({ allowHalfOpen: true }, (incoming) => {
    track(incoming).on('error', () => {});
    if (isCut) return void incoming.destroy();
    const outgoing = track(connect({ host: hostname, port: Number(port), allowHalfOpen: true }));
    outgoing.once('close', () => incoming.destroy());
    incoming.once('close', () => outgoing.destroy());
    carry(incoming, outgoing);
    carry(outgoing, incoming);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const restore = () => {
    isCut = false;
    latency = 0;
    events.emit('restored');
    stalled = undefined;
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Ends every connection, and refuses new ones until it is restored. */
    cut() {
      isCut = true;
      endAll();
    },
    /** Lets everything through this much later. */
    slowDown(milliseconds: number) {
      latency = milliseconds;
    },
    /** Keeps connections open, and what is sent back, until it is restored. */
    stall() {
      stalled ??= once(events, 'restored');
    },
    restore,
    close() {
      restore();
      server.close();
      endAll();
    },
  };
}
