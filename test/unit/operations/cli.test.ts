import { afterEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../../client/cli/main.ts';

// What the commands for operators say without any server.

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

async function run(...args: string[]) {
  vi.stubEnv('TEMPORAL_ADDRESS', '127.0.0.1:1'); // nothing listens there
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  }
  return { exitCode: await main(args), ...printed };
}

describe('bad input', () => {
  test.each([
    ['resolve without an outcome', ['resolve', 'x'], /'--as <status>' not specified/],
    ['resolve as pending', ['resolve', 'x', '--as', 'pending'], /Allowed choices are confirmed/],
    ['resolve for no reason', ['resolve', 'x', '--as', 'rejected', '--reason', ''], /reason: say why/],
    ['resolve of an impossible id', ['resolve', 'a b', '--as', 'rejected'], /order id: use 1 to 100/],
    ['retry of an impossible id', ['retry', 'a b'], /order id: use 1 to 100/],
    ['stuck with an odd number', ['stuck', '--failures', '-1'], /Use a whole number/],
    ['stuck with an odd time', ['stuck', '--longer-than', 'a day'], /Use a number of seconds/],
  ])('%s: exit code 2', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

test.each([['stuck'], ['retry', 'x'], ['resolve', 'x', '--as', 'rejected']])(
  '%s without a server: exit code 3',
  async (...args) => {
    expect(await run(...args)).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/can't be reached/),
    });
  },
);

test.each(['stuck', 'retry', 'resolve'])('%s --help has an example', async (command) => {
  expect((await run(command, '--help')).stdout).toContain(`\n  $ concord ${command}`);
});
