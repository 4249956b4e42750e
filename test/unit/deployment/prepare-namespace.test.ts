import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

// What the script does while a server fails; test/long/deployment/prepare-namespace.test.ts runs it on a real one.

test('an attribute that the server does not take yet is tried again, and waited for', async () => {
  const { stdout, stderr, calls } = await prepare('Error: context deadline exceeded', 20);
  expect(stdout).toBe('Namespace shop is ready\n');
  expect(stderr).toBe('');
  expect(calls.filter((call) => call.includes('--name OrderStatus'))).toHaveLength(21);
  expect(calls.at(-1)).toContain('AND OrderStatus IS NULL AND OrderCustomer IS NULL');
});

test.each([
  'search attribute OrderStatus already exists and has different type Int',
  'Error: cannot have more than 10 search attribute of type Keyword',
  'Error: permission denied',
  'Error: Request unauthorized.',
])('one that it refuses is not: %s', async (refusal) => {
  const { stdout, stderr, calls } = await prepare(refusal, 20);
  expect(stdout).toBe('Namespace shop is ready\n');
  expect(stderr).toBe(`Orders do without the search attribute OrderStatus: ${refusal}\n`);
  expect(calls.filter((call) => call.includes('--name OrderStatus'))).toHaveLength(1);
  expect(calls.at(-1)).not.toContain('OrderStatus');
});

test('after a minute of failures the script fails, so that it is started again', async () => {
  await expect(prepare('Error: context deadline exceeded', 30)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Giving up: .*OrderStatus.*: Error: context deadline exceeded\n$/),
  });
});

/** Runs it with a server that fails the first attribute so often, and with a clock that does not wait. */
async function prepare(failure: string, times: number) {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const command = (name: string, lines: string) =>
    writeFile(path.join(directory, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  await command('sleep', '');
  await command(
    'temporal',
    `echo "$*" >> '${directory}/calls'
case $* in *"create"*"--name OrderStatus "*) ;; *) exit 0 ;; esac
[ "$(grep -c -e '--name OrderStatus ' '${directory}/calls')" -gt ${times} ] || { echo '${failure}' >&2; exit 1; }
echo 'Search attributes have been added'`,
  );
  const env = { PATH: `${directory}:${process.env.PATH}`, TEMPORAL_NAMESPACE: 'shop' };
  const said = await promisify(execFile)('sh', ['deploy/temporal/prepare-namespace.sh'], { env });
  const calls = await readFile(path.join(directory, 'calls'), 'utf8');
  return { ...said, calls: calls.trim().split('\n') };
}
