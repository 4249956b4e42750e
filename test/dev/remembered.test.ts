import { rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { remembered } from '../../tools/start/remembered.ts';
import { temporaryDirectory } from './support.ts';

// What was made is used again only where nothing has changed that it was made from.

let directory: string;
let source: string;
let missing: string;
let made: number;

beforeEach(async () => {
  directory = await temporaryDirectory();
  source = path.join(directory, 'source.ts');
  missing = path.join(directory, 'missing.ts');
  made = 0;
  await writeFile(source, 'one');
});

afterEach(() => rm(directory, { recursive: true }));

const file = () => path.join(directory, 'cache', 'kept.json');

/** The text, which says how often it was made. */
async function text({ circumstances = ['v20'], during = async () => {} } = {}): Promise<string> {
  await untilTheClockHasMoved();
  return remembered(file(), circumstances, async () => {
    made += 1;
    await during();
    return { text: `made ${made}`, paths: [source, missing] };
  });
}

/** What was written in the same tick of the file system's clock may have been written later. */
async function untilTheClockHasMoved(): Promise<void> {
  const probe = path.join(directory, 'probe');
  const written = Date.now() + 1; // it leaves out the fraction that a file's time has
  await expect
    .poll(() => writeFile(probe, '').then(() => stat(probe)), { interval: 1 })
    .toSatisfy(({ ctimeMs }) => ctimeMs > written);
}

test('nothing has changed: what was made is used again, whatever the times of the files say', async () => {
  expect(await text()).toBe('made 1');
  await utimes(source, new Date(0), new Date());
  expect(await text()).toBe('made 1');
});

test.each<[string, () => Promise<void>]>([
  ['a file has another content', () => writeFile(source, 'two')],
  ['a file is gone', () => rm(source)],
  ['a file is there that was missing', () => writeFile(missing, '')],
  ['what was kept is damaged', () => writeFile(file(), '{"text":')],
])('%s: it is made again', async (_, change) => {
  expect(await text()).toBe('made 1');
  await change();
  expect(await text()).toBe('made 2');
  expect(await text()).toBe('made 2');
});

test('a file with its old times and size, and another content: it is made again', async () => {
  expect(await text()).toBe('made 1');
  await writeFile(source, 'eno');
  await utimes(source, new Date(0), new Date(0));
  expect(await text()).toBe('made 2');
});

test('other circumstances: it is made again', async () => {
  expect(await text()).toBe('made 1');
  expect(await text({ circumstances: ['v22'] })).toBe('made 2');
});

test('a file that changes while it is made: the next time it is made again', async () => {
  expect(await text({ during: () => writeFile(source, 'two') })).toBe('made 1');
  expect(await text()).toBe('made 2');
});

test('what can not be made is not kept', async () => {
  const during = () => Promise.reject(new Error('a syntax error'));
  await expect(text({ during })).rejects.toThrow('a syntax error');
  expect(await text()).toBe('made 2');
});
