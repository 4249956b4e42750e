import { expect, test } from 'vitest';
import { Compensations } from '../../../workflows/order/compensations.ts';

test('compensations run last to first, one after another, and all of them even where one fails', async () => {
  const compensations = new Compensations();
  const log: string[] = [];
  const undo = (name: string, failure?: Error) => async () => {
    log.push(`${name} begins`);
    await Promise.resolve();
    log.push(`${name} ends`);
    if (failure !== undefined) throw failure;
  };
  const failure = new Error('refused');
  compensations.add(undo('first'));
  compensations.add(undo('second', failure));
  compensations.add(undo('third'));
  expect(await compensations.run()).toEqual([failure]);
  expect(log).toEqual([
    'third begins',
    'third ends',
    'second begins',
    'second ends',
    'first begins',
    'first ends',
  ]);
  expect(await compensations.run(), 'what has run does not run again').toEqual([]);
});
