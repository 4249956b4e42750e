import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { BSON } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The health check of the compose file's MongoDB, with a server that only says what it is, and a mongosh that only says
// that it was called. It runs in a container, and so on Linux only.

const script = fileURLToPath(new URL('../../../deploy/mongodb/health.sh', import.meta.url));
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  const mongosh = path.join(directory, 'mongosh');
  await writeFile(mongosh, '#!/bin/sh\necho "mongosh $*"\nexit 1\n');
  await chmod(mongosh, 0o755);
});

afterAll(() => rm(directory, { recursive: true }));

const MONGOSH = {
  exitCode: 1,
  stdout: `mongosh --nodb --norc --quiet ${path.join(path.dirname(script), 'health.js')}`,
};
const WITHOUT_MONGOSH = { exitCode: 0, stdout: '' };

describe.skipIf(process.platform !== 'linux')('the health check of MongoDB', () => {
  test('takes the word of a primary, and needs no mongosh for that', async () => {
    const asked: BSON.Document[] = [];
    const answer = { isWritablePrimary: true, setName: 'concord', topologyVersion: new BSON.ObjectId() };
    expect(await checkOf(answer, asked)).toEqual(WITHOUT_MONGOSH);
    expect(asked).toEqual([{ hello: 1, $db: 'admin' }]);
    const inOtherOrder = { topologyVersion: 10, setName: 'concord', hosts: ['a\n'], isWritablePrimary: true };
    expect(await checkOf(inOtherOrder, [])).toEqual(WITHOUT_MONGOSH);
  });

  test.each([
    ['a server that only prepares the users, and so belongs to no set', { isWritablePrimary: true }],
    ['a member that is not a primary', { setName: 'concord', isWritablePrimary: false, secondary: true }],
    ['a server that refuses the question', { ok: 0, errmsg: 'no' }],
  ])('leaves %s to mongosh, which makes it a replica set', async (_what, answer) => {
    expect(await checkOf(answer, [])).toEqual(MONGOSH);
  });

  test('leaves it to mongosh where nobody answers', async () => {
    const { port, server } = await listening(() => new Uint8Array());
    await new Promise((closed) => server.close(closed));
    expect(await run(port)).toEqual(MONGOSH);
  });
});

/** What the check comes to with a server that answers this; keeps what it was asked. */
async function checkOf(answer: BSON.Document, asked: BSON.Document[]) {
  const { port, server } = await listening((message) => {
    asked.push(BSON.deserialize(message.subarray(HEAD)));
    const body = BSON.serialize(answer);
    const head = Buffer.alloc(HEAD);
    head.writeInt32LE(HEAD + body.length, 0);
    head.writeInt32LE(OP_MSG, 12);
    return Buffer.concat([head, body]);
  });
  try {
    return await run(port);
  } finally {
    server.close();
  }
}

// A message's length, its id, whose answer it is, its kind, its flags; and the kind of its only section.
const HEAD = 21;
const OP_MSG = 2013;

async function run(port: number) {
  const env = { PATH: `${directory}:${process.env.PATH}` };
  const { exitCode, stdout } = await execa('bash', [script, String(port)], { env, reject: false });
  return { exitCode, stdout };
}

/** A server that answers each message. */
async function listening(
  answer: (message: Buffer) => Uint8Array,
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 4 && received.length >= received.readInt32LE(0)) socket.write(answer(received));
    });
    // The check goes without a word.
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { port: (server.address() as AddressInfo).port, server };
}
