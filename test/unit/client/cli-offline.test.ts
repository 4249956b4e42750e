import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIN, type RunOptions, runCli, runCliAsJson, runInProcess } from '../../support/run-cli.ts';

// What a command says without any server.

// Nothing listens there.
const OFFLINE = { TEMPORAL_ADDRESS: '127.0.0.1:1' };

const concord = (args: readonly string[], options?: RunOptions) => runCli(args, { env: OFFLINE, ...options });
const json = (args: readonly string[], options?: RunOptions) =>
  runCliAsJson(args, { env: OFFLINE, ...options });

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
});

afterAll(() => rm(directory, { recursive: true }));

describe('bad input', () => {
  const order = ['--sku', 'A:1', '--customer', 'alice'];

  test.each([
    ['no command', [], /Usage: concord/],
    ['an unknown command', ['plce'], /unknown command 'plce' \(Did you mean place\?\)/],
    ['an unknown option', ['list', '--nope'], /unknown option '--nope'/],
    ['a missing argument', ['status'], /missing required argument 'id'/],
    ['an impossible order id', ['status', 'a b'], /^error: order id: use 1 to 100 /],
    ['no lines', ['place', '--customer', 'alice'], /^error: --sku: say what is ordered/],
    ['a line without quantity', ['place', '--customer', 'alice', '--sku', 'A'], /Use SKU:QUANTITY/],
    ['a quantity of 0', ['place', '--customer', 'alice', '--sku', 'A:0'], /--sku .*: use a whole number/],
    ['both a file and a line', ['place', '--file', '-', '--sku', 'A:1'], /cannot be used with/],
    ['a short budget', ['place', ...order, '--prepare-budget', '0.1'], /Use 1 to 2592000 seconds/],
    ['a missing file', ['place', '--file', 'nowhere.json'], /nowhere\.json: there is no such file/],
    ['a limit of 0', ['list', '--limit', '0'], /limit: use a whole number from 1 to 1000/],
    ['a limit of 1001', ['stock', '--limit', '1001'], /limit: use a whole number from 1 to 1000/],
    ['a page after nothing', ['list', '--after', ''], /^error: --after: give the id of the last one/],
    [
      'a page of named SKUs',
      ['stock', 'A', '--limit', '5'],
      /^error: --limit and --after: use them without SKUs/,
    ],
    ['an unknown status', ['list', '--status', 'lost'], /Allowed choices are pending/],
    ['an empty reason', ['cancel', 'x', '--reason', ''], /reason: say why/],
    ['an impossible SKU', ['stock', 'A', 'b c'], /^error: skus\[1\]: use 1 to 100 /],
    ['an impossible customer', ['list', '--customer', 'a b'], /^error: --customer: use 1 to 100 /],
    [
      'a receipt of too much',
      ['restock', 'A', '9007199254740992'],
      /Use a whole number, at most 9007199254740991/,
    ],
    ['a receipt of nothing', ['restock', 'A', '0'], /quantity: use a whole number/],
    ['an unknown profile', ['stock', '--profile', 'nope'], /Profile 'nope' not found/],
  ])('%s: exit code 2', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await runInProcess(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each([
    ['nothing', '', 'is empty; give one order or an array of orders as JSON'],
    ['no orders', '[]', 'give at least one order'],
    ['far too much', ' '.repeat(10 * 1024 * 1024 + 1), 'is larger than 10 MiB; split it'],
  ])('a file of %s: exit code 2', async (_, input, fix) => {
    const file = path.join(directory, 'orders.json');
    await writeFile(file, input);
    expect(await runInProcess(['place', '--file', file])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: ${file}: ${fix}\n`,
    });
  });

  test.each([
    ['a slip', '[{"a": 1},\n {"b": }]', /Unexpected token '}'[^\n]* \{"b": }/],
    ['half a document', '{"a": 1', /Expected ',' or '}'[^\n]* at position 7/],
  ])('a file with %s: one line with where it is, exit code 2', async (_, input, fault) => {
    const file = path.join(directory, 'orders.json');
    await writeFile(file, input);
    const { exitCode, stdout, stderr } = await runInProcess(['place', '--file', file]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error: ${file}: is not JSON: [^\n]+\n$`));
    expect(stderr).toMatch(fault);
  });

  test('as a process, with --json: exit code 2', async () => {
    const { exitCode, document, failure } = await json(['place', '--file', '-'], { input: '{' });
    expect({ exitCode, document }).toEqual({ exitCode: 2, document: undefined });
    const problem = {
      field: 'standard input',
      fix: expect.stringMatching(/^is not JSON: .* in JSON at position 1/),
    };
    expect(failure).toMatchObject({ error: { code: 'InvalidInput', details: { problems: [problem] } } });
  });
});

describe.concurrent('a server', () => {
  test('that is not there: one line that says what to do, exit code 3', async () => {
    const [text, document] = await Promise.all([concord(['stock']), json(['stock'])]);
    expect(text).toEqual({
      exitCode: 3,
      stdout: '',
      stderr:
        "error: Temporal at 127.0.0.1:1 can't be reached; TEMPORAL_ADDRESS names it: start it there, or name another",
    });
    expect(document).toMatchObject({ exitCode: 3, failure: { error: { code: 'Unreachable' } } });
  });

  test('that takes connections and stays silent: exit code 3 within seconds', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    const address = await new Promise<string>((resolve) =>
      silent.once('listening', () => {
        const bound = silent.address();
        resolve(`127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`);
      }),
    );
    const started = Date.now();
    expect(await concord(['stock', '--address', address])).toMatchObject({ exitCode: 3 });
    expect(Date.now() - started).toBeLessThan(20_000);
    silent.close();
  });
});

describe('the program', () => {
  test('runs from any directory and through a symlink', async () => {
    const link = path.join(directory, 'concord');
    await symlink(BIN, link);
    const { exitCode, stdout } = await concord(['--version'], { bin: link, cwd: directory });
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
  });

  test('says that dependencies are missing: exit code 1', async () => {
    const bin = path.join(directory, 'copy', 'bin.mjs');
    await mkdir(path.dirname(bin));
    await copyFile(BIN, bin);
    expect(await concord(['--version'], { bin })).toMatchObject({
      exitCode: 1,
      stderr: 'error: dependencies are missing; run `npm ci` in the directory of Concord',
    });
  });

  const commands = [
    ...['place', 'status', 'watch', 'cancel', 'list', 'events', 'stock', 'restock'],
    ...['stuck', 'retry', 'resolve', 'doctor', 'settings', 'codec-server'],
  ];

  test('--help lists every command', async () => {
    const { exitCode, stdout } = await runInProcess(['--help']);
    expect(exitCode).toBe(0);
    const [, listed = ''] = stdout.split('Commands:\n');
    const names = [...(listed.split('\n\n')[0]?.matchAll(/^ {2}([a-z-]+)/gm) ?? [])].map(([, name]) => name);
    expect(names).toEqual([...commands, 'help']);
  });

  test.each(commands)('%s --help has an example', async (command) => {
    const { exitCode, stdout } = await runInProcess([command, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`\n  $ concord ${command}`);
  });
});
