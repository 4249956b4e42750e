import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import getPort from 'get-port';
import { expect, onTestFinished, test } from 'vitest';
import { withDescendants } from '../../../tools/servers/processes.ts';
import { processesWith, removeDirectory, signalTo, temporaryDirectory } from '../../system/dev/support.ts';

// npm passes a signal on to its shell alone, and of a SIGKILL nobody hears: what it runs must end all the same.

const SIGKILL = ['SIGKILL to npm'];
const EVERY = [...SIGKILL, 'SIGTERM to npm', 'SIGKILL to its shell'];
const scripts = [
  { script: 'start', args: [], says: 'Starting the orders worker', ways: EVERY },
  { script: 'bench', args: ['load'], says: 'Starting the workers', ways: SIGKILL },
  { script: 'compare', args: [], says: 'Starting the workers', ways: SIGKILL },
  { script: 'chaos', args: [], says: 'Starting the workers', ways: SIGKILL },
  { script: 'test', args: ['test/unit/dev/ports.test.ts'], says: '> tsc', ways: SIGKILL },
  { script: 'test:watch', args: ['test/unit/dev/ports.test.ts'], says: 'DEV', ways: EVERY },
  { script: 'concord', args: ['codec-server'], says: 'codec server at', ways: EVERY },
];
const cases = scripts.flatMap(({ ways, ...script }) => ways.map((way) => ({ ...script, way })));

test.for(cases)('npm run $script leaves nothing behind after a $way', async ({ script, args, says, way }) => {
  const directory = await temporaryDirectory();
  const left = () => processesWith(`TMPDIR=${directory}`);
  onTestFinished(async () => {
    for (const pid of await left()) signalTo(Number(pid), 'SIGKILL');
    await removeDirectory(directory);
  });
  const npm = spawn('npm', ['run', script, '--', ...args], {
    env: {
      ...process.env,
      ...(await codecServer()),
      TMPDIR: directory,
      TEMPORAL_ADDRESS: '',
      MONGODB_URI: '',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [npm.stdout, npm.stderr])
    stream.on('data', (data) => {
      output += data;
    });
  await expect.poll(() => output).toContain(says);
  const exited = once(npm, 'exit');
  const { pid } = npm;
  if (pid === undefined) throw new Error('npm was not started');
  const [, shell] = await withDescendants([pid]);
  const signal = way.startsWith('SIGTERM') ? 'SIGTERM' : 'SIGKILL';
  signalTo(way.endsWith('npm') ? pid : shell, signal);
  await exited;
  await expect.poll(left).toEqual([]);
  expect((await readdir(directory)).filter((name) => name.startsWith('concord-'))).toEqual([]);
});

const codecServer = async () => ({
  ENCRYPTION_KEYS: `key:${Buffer.alloc(32).toString('base64')}`,
  CODEC_SERVER_TOKENS: `me:${'0'.repeat(64)}`,
  CODEC_SERVER_ORIGINS: 'http://127.0.0.1:8233',
  CODEC_SERVER_PORT: String(await getPort()),
});
