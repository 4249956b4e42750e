import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../../support/run-cli.ts';

// A command loads what it needs and no more: the Temporal client alone takes longer than everything before it.

const ALWAYS = ['commander', 'picocolors', 'zod'];
// What runs the sources, and not ours; a package has none of it.
const COMPILERS = ['tsx', 'esbuild', 'get-tsconfig', 'resolve-pkg-maps'];

test.each([
  ['--help', ['--help'], 0],
  ['--version', ['--version'], 0],
  ['the help of a command', ['place', '--help'], 0],
  ['an unknown option', ['list', '--nope'], 2],
])('%s loads no client, no driver and nothing of any command', async (_, args, exitCode) => {
  expect(await packagesOf(args)).toEqual({ exitCode, packages: ALWAYS });
});

test.each([
  ['an order without lines', ['place', '--customer', 'alice']],
  ['a limit of 0', ['events', '--limit', '0']],
  ['an empty reason', ['resolve', 'x', '--as', 'cancelled', '--reason', '']],
])('%s is refused without a client or a driver', async (_, args) => {
  const { exitCode, packages } = await packagesOf(args);
  expect(exitCode).toBe(2);
  expect(packages).toContain('zod');
  expect(packages.filter((name) => /temporal|grpc|mongodb|opentelemetry/.test(name))).toEqual([]);
});

test('a server that refuses is told without the client', async () => {
  const { exitCode, packages } = await packagesOf(['stock', '--address', '127.0.0.1:1']);
  expect(exitCode).toBe(3);
  expect(packages).toContain('@temporalio/envconfig');
  expect(packages).not.toContain('@temporalio/client');
});

/** How a command ended, and the packages that it loaded, as Node itself lists what it has run. */
async function packagesOf(args: readonly string[]): Promise<{ exitCode?: number; packages: string[] }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  try {
    const { exitCode } = await runCli(args, { env: { NODE_V8_COVERAGE: directory } });
    const reports = await Promise.all(
      (await readdir(directory)).map((name) => readFile(path.join(directory, name), 'utf8')),
    );
    const urls = reports.flatMap((report) =>
      (JSON.parse(report) as { result: { url: string }[] }).result.map(({ url }) => url),
    );
    expect(urls.filter((url) => url.includes('/client/cli/main.'))).not.toEqual([]);
    const names = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
    const packages = [...new Set(names)].filter((name) => !COMPILERS.includes(name)).sort();
    return { ...(exitCode === undefined ? {} : { exitCode }), packages };
  } finally {
    await rm(directory, { recursive: true });
  }
}
