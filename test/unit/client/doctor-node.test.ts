import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodeVersion } from '../../../client/cli/doctor/local.ts';

const checked = (node: string) => nodeVersion({ ...process.versions, node });
const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
const { engines, devDependencies } = JSON.parse(read('package.json'));

test.each(['22.12.0', '24.21.0', '26.0.0'])('Node %s is supported', (node) => {
  expect(checked(node)).toEqual({ name: 'node', status: 'ok', found: node });
});

test.each(['20.19.0', '23.1.0', '28.0.0'])(
  'Node %s works, and whoever runs it learns what is supported',
  (node) => {
    const found = `${node}, which works; Node 22, 24 and 26 are supported`;
    expect(checked(node)).toEqual({ name: 'node', status: 'ok', found });
  },
);

test.each(['20.18.3', '18.20.0'])('Node %s is too old', (node) => {
  expect(checked(node)).toMatchObject({ status: 'failed', fix: 'install Node 22, 24 or 26' });
});

test('the oldest one that works is the same for npm and for the tools', () => {
  expect(engines.node).toBe('>=20.19.0');
  expect(read('tools/bootstrap.mjs')).toContain("OLDEST_NODE = '20.19'");
});

test('code is checked against what the oldest one that is supported has', () => {
  expect(devDependencies['@types/node']).toMatch(/^22\.\d+\.\d+$/);
});
