import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { createKeptProcess, hasEnded } from '../../../tools/measure/worker-launcher.ts';

test('a worker that a fault has stopped is not started again once all is being ended', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'kept-test-'));
  const onEnd = vi.fn(() => true);
  const program = ['-e', 'console.log("up"); setInterval(() => {}, 1000)'];
  const worker = createKeptProcess({ name: 'orders', environment: {}, directory, program, onEnd });
  const launched = worker.launch();
  await expect.poll(() => readFile(worker.log, 'utf8')).toContain('up');
  await worker.end('SIGTERM');
  await worker.close();
  expect(() => worker.launch()).toThrow('The orders worker is not started, because all is being stopped.');
  // The system knows of its end before Node tells it, and only then would `onEnd` be called.
  await expect.poll(() => hasEnded(launched)).toBe(true);
  expect(onEnd, 'nobody asked it to end').not.toHaveBeenCalled();
  await rm(directory, { recursive: true });
});
