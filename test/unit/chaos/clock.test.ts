import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BSON } from 'mongodb';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { realTime, shiftClock } from '../../../tools/chaos/clock.ts';

const HOUR = 3_600_000;
const original = globalThis.Date;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'chaos-test-'));
});

afterAll(async () => {
  globalThis.Date = original;
  process.removeAllListeners('SIGUSR2');
  await rm(directory, { recursive: true });
});

test('a shifted clock is wrong everywhere in the process, and a date stays a date', async () => {
  const file = path.join(directory, 'clock');
  shiftClock(file);
  expect(Math.abs(Date.now() - realTime())).toBeLessThan(1000);

  await writeFile(file, String(HOUR));
  process.kill(process.pid, 'SIGUSR2');
  await vi.waitFor(() => expect(Date.now() - realTime()).toBeGreaterThan(HOUR - 1000));
  const now = new Date(); // not by way of Date.now
  expect(now.getTime() - realTime()).toBeGreaterThan(HOUR - 1000);
  expect(new Date(5).getTime()).toBe(5);
  expect(new original(5)).toBeInstanceOf(Date);
  const document = BSON.deserialize(BSON.serialize({ now: new Date(7) }));
  expect(document.now).toBeInstanceOf(Date);
  expect(document.now.getTime()).toBe(7);
});
