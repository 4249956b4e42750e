import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runInProcess } from '../../support/run-cli.ts';
import { runCompare } from '../../system/compare/page.ts';

// What `npm run compare` says before it starts anything.

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'compare-test-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

test.each([
  ['--orders', 'many', /--orders .*Use a whole number from 10 to 100000/],
  ['--orders', '9', /Use a whole number from 10/],
  ['--orders', '1e3', /Use a whole number from 10/],
  ['--rounds', '0', /--rounds .*Use a whole number from 1/],
  ['--fault-seconds', '-1', /--fault-seconds .*Use a whole number from 1/],
  ['--only', 'speed', /--only .*Use performance, faults, or one of inventory-down/],
  ['--only', 'performance,', /--only .*Use performance/],
  ['--html', 'nowhere/report.html', /^error: --html: nowhere\/report\.html can't be written; name a file in/],
  ['--html', '.', /^error: --html: \. is a directory; name a file/],
  ['--namespace', 'mine', /^error: --namespace: leave it out/],
])('%s %s: exit code 2, and what to do', async (option, value, message) => {
  const { exitCode, stdout, stderr } = await runCompare([`${option}=${value}`]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

test.each([
  ['TEMPORAL_ADDRESS', '127.0.0.1:1', /^error: Temporal at 127\.0\.0\.1:1 can't be reached/],
  ['MONGODB_URI', 'mongodb://127.0.0.1:1', /MONGODB_URI=mongodb:\/\/127\.0\.0\.1:1 does not answer/],
])('%s names a server that is not there: exit code 3, and what to do', async (variable, value, message) => {
  const html = path.join(directory, 'report.html');
  const { exitCode, stdout, stderr } = await runCompare(['--html', html], { [variable]: value });
  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
  expect(stderr).toMatch(message);
});

test.each([[['compare']], [['compare', '--help']], [['compare', 'me', '--only', 'performance', '--json']]])(
  'the command line says in one line where %j has gone: exit code 2',
  async (args) => {
    const { exitCode, stdout, stderr } = await runInProcess(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^.*compare.*run `npm run compare -- …` in a checkout.*\n$/);
  },
);
