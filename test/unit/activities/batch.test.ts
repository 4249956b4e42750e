import { expect, test } from 'vitest';
import { handleEach } from '../../../activities/exchange/batch.ts';
import { ConcordError } from '../../../domain/errors.ts';

const items = Array.from({ length: 60 }, (_, index) => ({ id: `item-${index}` }));
const options = { concurrency: 25 };

test('what fails of a batch is named, with its reason, and the rest is handled', async () => {
  const handled: string[] = [];
  const unhandled = await handleEach(
    items,
    async ({ id }) => {
      if (id.endsWith('7')) throw new Error(`${id} hangs`);
      handled.push(id);
    },
    options,
  );
  expect(unhandled).toEqual(
    [7, 17, 27, 37, 47, 57].map((n) => ({ id: `item-${n}`, error: `item-${n} hangs` })),
  );
  expect(handled).toHaveLength(54);
});

test('where nothing at all can be handled, the batch as a whole has failed', async () => {
  const down = handleEach(items, () => Promise.reject(new Error('the database is down')), options);
  await expect(down).rejects.toThrow('the database is down');
});

test('what each item is refused for does not fail the batch', async () => {
  const damaged = new ConcordError('DamagedStock', { sku: 'SKU', problem: 'holds is no list' });
  const unhandled = await handleEach(items, () => Promise.reject(damaged), options);
  expect(unhandled).toHaveLength(items.length);
});

test('what the code stumbles over in each item does not fail the batch', async () => {
  const malformed = () => Promise.reject(new TypeError('lines is not iterable'));
  expect(await handleEach(items, malformed, options)).toHaveLength(items.length);
});

test('one that fails alone is named, and does not keep what comes next from its turn', async () => {
  const alone = await handleEach([{ id: 'one' }], () => Promise.reject(new Error('it hangs')), options);
  expect(alone).toEqual([{ id: 'one', error: 'it hangs' }]);
});

test('a reason that is huge is cut off, so that the answer for the others arrives', async () => {
  const huge = new Error('x'.repeat(3_000_000));
  const fail = ({ id }: { id: string }) => (id === 'item-0' ? Promise.reject(huge) : Promise.resolve());
  expect(await handleEach(items, fail, options)).toEqual([{ id: 'item-0', error: 'x'.repeat(500) }]);
});

test('an empty batch is done', async () => {
  expect(await handleEach([], () => Promise.reject(new Error('never called')), options)).toEqual([]);
});

test('what hangs is named when the time is up, and keeps nobody else', async () => {
  const handled: string[] = [];
  const unhandled = await handleEach(
    items,
    async ({ id }) => {
      if (id.endsWith('7')) await new Promise(() => {});
      handled.push(id);
    },
    { ...options, timeLimit: 200 },
  );
  expect(unhandled).toEqual(
    [7, 17, 27, 37, 47, 57].map((n) => ({ id: `item-${n}`, error: 'no answer in 200 ms' })),
  );
  expect(handled).toHaveLength(54);
});

test('what has not begun when the time is up never does', async () => {
  const begun: string[] = [];
  const hanging = handleEach(
    items,
    ({ id }) => {
      begun.push(id);
      return new Promise(() => {});
    },
    { ...options, timeLimit: 200 },
  );
  await expect(hanging).rejects.toThrow('no answer in 200 ms');
  expect(begun).toHaveLength(25);
});
