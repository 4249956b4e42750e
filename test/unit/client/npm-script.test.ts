import { execa } from 'execa';
import { expect, test } from 'vitest';

const RUN = 'node client/cli/bin.mjs';

/** Starts the command line as soon as the shell, in whose process group it is, has ended. */
async function runOrphaned(script: string | undefined) {
  const command = `(while kill -0 $$ 2>/dev/null; do :; done; exec ${RUN} --version) &`;
  // In a group of its own, as from a terminal.
  const shell = execa('sh', ['-c', command], { detached: true, env: { npm_lifecycle_script: script } });
  return (await shell).stdout;
}

test("what npm runs ends at once if npm is gone before it has begun; what merely has npm's variables goes on", async () => {
  expect(await runOrphaned(RUN)).toBe('');
  expect(await runOrphaned('node tools/test.mjs short')).toMatch(/^\d/);
  expect(await runOrphaned(undefined)).toMatch(/^\d/);
});

test('what npm runs goes on while npm is there', async () => {
  const [command = '', ...args] = RUN.split(' ');
  const { stdout } = await execa(command, [...args, '--version'], { env: { npm_lifecycle_script: RUN } });
  expect(stdout).toMatch(/^\d/);
});
