import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createSupervisor, type Supervisor } from '../../../tools/servers/supervisor.ts';
import { removeDirectory, temporaryDirectory } from '../../system/dev/support.ts';

const WAIT = { timeout: 30_000 };
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
let supervisor: Supervisor;
let losses: string[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  vi.stubEnv('CONCORD_CACHE', directory);
  losses = [];
  supervisor = await createSupervisor(undefined, ({ message }) => losses.push(message));
});
afterEach(async () => {
  await supervisor.stop();
  vi.unstubAllEnvs();
  await removeDirectory(directory);
});

const start = (name: string, script: string) =>
  supervisor.start({ name, command: 'sh', args: ['-c', script], directory });

test('a server that ends unasked is told once: which, how, and the end of its log', async () => {
  const { identity } = await start('database', 'echo last words; read none; kill -SEGV $$');
  await expect.poll(() => losses, WAIT).toHaveLength(1);
  expect(losses[0]).toBe(
    [
      `database (process ${identity.pid}) ended unasked (SIGSEGV), so all is stopped.`,
      'The end of its log:',
      '  last words',
    ].join('\n'),
  );
});

test('one that printed nothing says that', async () => {
  await start('database', 'exit 7');
  await expect.poll(() => losses, WAIT).toHaveLength(1);
  expect(losses[0]).toMatch(/\(exit code 7\).*\nIt printed nothing\.$/);
});

test('one that is ended on request is no loss', async () => {
  const stopped = await start('stopped', 'exec sleep 600');
  const killed = await start('killed', 'exec sleep 600');
  await start('ended with all', 'exec sleep 600');
  await stopped.stop();
  await killed.kill();
  await start('lost', 'exit 1');
  await expect.poll(() => losses, WAIT).toHaveLength(1);
  await supervisor.stop();
  expect(losses).toEqual([expect.stringMatching(/^lost /)]);
});

test('a tool that fails says why, ends what it has begun, and exits with code 3, whatever it waits for', async () => {
  const script = fileURLToPath(new URL('failing-tool.ts', import.meta.url));
  const { exitCode, stdout, stderr } = await execa(process.execPath, ['--import', 'tsx', script], {
    reject: false,
  });
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 3, stdout: 'ended', stderr: 'error: it is gone' });
});
