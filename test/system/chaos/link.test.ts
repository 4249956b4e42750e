import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Link, openLink } from '../../../tools/chaos/link.ts';

// The way to a server that sends back what it gets.

let server: Server;
let link: Link;
const clients: Socket[] = [];

beforeEach(async () => {
  server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  link = await openLink(`127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  link.close();
  server.close();
});

test('carries what is sent, both ways', async () => {
  const { client, received } = await open();
  client.write('one ');
  client.write('two');
  await expect.poll(received).toBe('one two');
});

test('cut, it ends every connection and refuses new ones; restored, it carries again', async () => {
  const { client } = await open();
  const closed = once(client, 'close');
  link.cut();
  await closed;
  const refused = await open();
  await once(refused.client, 'close');
  link.restore();
  const { client: again, received } = await open();
  again.write('back');
  await expect.poll(received).toBe('back');
});

test('stalled, it keeps what is sent, and delivers all of it in order when it is restored', async () => {
  const { client, received } = await open();
  client.write('before ');
  await expect.poll(received).toBe('before ');
  link.stall();
  client.write('during ');
  client.write('still ');
  // Something else that goes through the same event loop twice as often has nothing to wait for.
  for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
  expect(received()).toBe('before ');
  link.restore();
  client.write('after');
  await expect.poll(received).toBe('before during still after');
});

test('slowed down, it delivers no sooner than that, in order', async () => {
  const { client, received } = await open();
  link.slowDown(150);
  const began = performance.now();
  client.write('a');
  client.write('b');
  await expect.poll(received).toBe('ab');
  // There and back.
  expect(performance.now() - began).toBeGreaterThanOrEqual(295);
});

async function open(): Promise<{ client: Socket; received: () => string }> {
  const [host = '', port] = link.address.split(':');
  const client = connect({ host, port: Number(port) });
  clients.push(client);
  let text = '';
  client
    .on('error', () => {})
    .on('data', (data) => {
      text += data;
    });
  await once(client, 'connect');
  return { client, received: () => text };
}
