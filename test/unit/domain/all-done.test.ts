import { expect, test } from 'vitest';
import { allDone } from '../../../domain/all-done.ts';
import { createGate } from '../../support/gate.ts';

test('everything is done before a failure is told', async () => {
  const gate = createGate();
  const failure = new Error('refused');
  let isDone = false;
  const slow = gate.opened.then(() => {
    isDone = true;
  });
  const told = allDone([Promise.reject(failure), slow]).catch((error) => ({ error, isDone }));
  setImmediate(() => gate.open());
  expect(await told).toEqual({ error: failure, isDone: true });
  await expect(allDone([slow])).resolves.toBeUndefined();
});
