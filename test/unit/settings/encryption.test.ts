import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEncryption } from '../../../platform/settings/read-encryption.ts';

const secret = randomBytes(32).toString('base64');
const another = randomBytes(32).toString('base64');

let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  file = path.join(directory, 'keys');
  await writeFile(file, `new:${secret}\nold:${another}\n`);
});

afterAll(() => rm(directory, { recursive: true }));

const idsOf = (variables: NodeJS.ProcessEnv) => readEncryption(variables)?.map(({ id }) => id);

test('nothing is encrypted unless keys are given', () => {
  expect(readEncryption({})).toBeUndefined();
  expect(readEncryption({ ENCRYPTION_KEYS: '', ENCRYPTION_KEYS_FILE: '' })).toBeUndefined();
});

test('keys come from the variable, or from a mounted file, in their order', () => {
  expect(idsOf({ ENCRYPTION_KEYS: `new:${secret},old:${another}` })).toEqual(['new', 'old']);
  expect(idsOf({ ENCRYPTION_KEYS_FILE: file })).toEqual(['new', 'old']);
});

test.each([
  ['no id', secret, /^ENCRYPTION_KEYS: key 1: write it as id:base64/],
  ['a strange id', `a b:${secret}`, /^ENCRYPTION_KEYS: key 1: write it as id:base64/],
  [
    '16 bytes',
    `new:${randomBytes(16).toString('base64')}`,
    /^ENCRYPTION_KEYS: key new: use the base64 of 32 bytes/,
  ],
  [
    'no base64',
    `old:${another},new:${secret.slice(0, -1)}!`,
    /^ENCRYPTION_KEYS: key new: use the base64 of 32/,
  ],
  ['an id twice', `new:${secret},new:${another}`, /^ENCRYPTION_KEYS: the key id new is there twice/],
  ['only commas', ',', /^ENCRYPTION_KEYS: give at least one key/],
])('%s is refused without showing a key', (_, value, message) => {
  const read = () => readEncryption({ ENCRYPTION_KEYS: value });
  expect(read).toThrow(message);
  expect(read).not.toThrow(secret.slice(0, 16));
});

test('a file that is not there, or says otherwise than the variable, is named', () => {
  expect(() => readEncryption({ ENCRYPTION_KEYS_FILE: '/nowhere' })).toThrow(
    "ENCRYPTION_KEYS_FILE: /nowhere can't be read: there is no such file",
  );
  const both = { ENCRYPTION_KEYS: `new:${secret}`, ENCRYPTION_KEYS_FILE: file };
  expect(() => readEncryption(both)).toThrow(/^ENCRYPTION_KEYS_FILE: leave out/);
});

test('keys that are logged by mistake show nothing', () => {
  const keys = readEncryption({ ENCRYPTION_KEYS: `new:${secret}` });
  expect(JSON.stringify(keys)).not.toContain(secret.slice(0, 16));
});
