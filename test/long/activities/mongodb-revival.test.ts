import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Collection, MongoClient, ServerHeartbeatStartedEvent } from 'mongodb';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import { reviveWhenDeaf } from '../../../activities/mongodb/revival.ts';

// The driver goes deaf where a connection closes in the wrong moment.

let proxy: Awaited<ReturnType<typeof openProxy>>;
let clients: MongoClient[];
const ended = new AbortController();

beforeAll(async () => {
  proxy = await openProxy(new URL(inject('mongodbUri')).host);
  clients = Array.from({ length: 30 }, () =>
    createMongoClient(`mongodb://${proxy.address}/?directConnection=true`, 'concord-revival'),
  );
  await Promise.all(clients.map((client) => client.connect()));
});

afterAll(async () => {
  ended.abort();
  await Promise.all(clients.map((client) => client.close()));
  proxy.close();
});

// Many clients and a busy process make that moment likely: without being revived, some never find their server again.
test('clients whose connections break in any moment all find their server again', {
  timeout: 120_000,
}, async () => {
  for (const client of clients) reviveWhenDeaf(client, ended.signal, () => {});
  // Made before the break, to show that these go on working.
  const collections = clients.map((client) => client.db('concord-revival').collection('none'));

  const busy = setInterval(() => keepBusy(Math.random() * 15), 20);
  const asking = new AbortController();
  const ask = async (collection: Collection) => {
    while (!asking.signal.aborted) await collection.findOne({}).catch(() => {});
  };
  const askers = [...collections, ...collections, ...collections].map(ask);
  await proxy.breakFor(3_000);
  await expect.poll(() => collections[0]?.findOne({}).catch(String), { timeout: 60_000 }).toBe(null);
  await proxy.breakFor(3_000);
  clearInterval(busy);
  asking.abort();
  await Promise.all(askers);

  for (const collection of collections) {
    await expect.poll(() => collection.findOne({}).catch(String), { timeout: 60_000 }).toBe(null);
  }
});

test('a heartbeat that never ends has the client connected anew, once', async () => {
  const [client] = clients;
  if (client === undefined) throw new Error('there is no client');
  const reasons: string[] = [];
  reviveWhenDeaf(client, ended.signal, (reason) => reasons.push(reason));
  const closed = once(client, 'topologyClosed');
  client.emit('serverHeartbeatStarted', {
    connectionId: 'a.server:27017',
    awaited: false,
  } as ServerHeartbeatStartedEvent);
  await closed;
  await once(client, 'serverHeartbeatSucceeded');
  expect(await client.db('concord-revival').collection('none').findOne({})).toBe(null);
  expect(reasons).toEqual(['no heartbeat of a.server:27017 has ended in 8000 ms']);
});

function keepBusy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** A proxy as they stand before servers in production: while the server is away it takes connections, and ends them. */
async function openProxy(target: string) {
  const { hostname, port } = new URL(`tcp://${target}`);
  const sockets = new Set<Socket>();
  let isBroken = false;
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const breakOff = (socket: Socket) => (Math.random() < 0.5 ? socket.destroy() : socket.end());
  const server = createServer((incoming) => {
    track(incoming);
    if (isBroken) return void setTimeout(breakOff, Math.random() * 5, incoming);
    const outgoing = track(connect({ host: hostname, port: Number(port) }));
    incoming.pipe(outgoing).pipe(incoming);
    incoming.once('close', () => outgoing.destroy());
    outgoing.once('close', () => incoming.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async breakFor(milliseconds: number) {
      isBroken = true;
      for (const socket of sockets) breakOff(socket);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      isBroken = false;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
