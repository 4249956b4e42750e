import { expect, test } from 'vitest';
import { createEnding } from '../../../tools/servers/ending.ts';

test('what was begun last ends first, also what is begun while all is ended, and nothing ends twice', async () => {
  const { cleanUp, endAll } = createEnding();
  const ended: string[] = [];
  const begin = (name: string) => cleanUp(async () => void ended.push(name));
  begin('servers');
  cleanUp(async () => begin('late'));
  begin('workers');
  await endAll();
  await endAll();
  expect(ended).toEqual(['workers', 'late', 'servers']);
});

test('what can not be ended keeps none of the others, and is told', async () => {
  const { cleanUp, endAll } = createEnding();
  const ended: string[] = [];
  cleanUp(async () => void ended.push('servers'));
  cleanUp(async () => {
    throw new Error('no answer');
  });
  cleanUp(async () => void ended.push('workers'));
  await expect(endAll()).rejects.toThrow('no answer');
  expect(ended).toEqual(['workers', 'servers']);
});
