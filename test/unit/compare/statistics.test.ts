import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { latencyOf, mean, median, percentile, spreadOf } from '../../../tools/measure/statistics.ts';

const oneToHundred = Array.from({ length: 100 }, (_, index) => 100 - index);
const numbers = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1 });

test.each([
  [50, 50],
  [95, 95],
  [99, 99],
  [100, 100],
  [0, 1],
])('percentile %d of 1 to 100 is %d', (percent, expected) => {
  expect(percentile(oneToHundred, percent)).toBe(expected);
});

test('a percentile is one of the values: of one it is that one, of two the 50th is the smaller', () => {
  expect([50, 95, 99].map((percent) => percentile([7], percent))).toEqual([7, 7, 7]);
  expect([50, 51].map((percent) => percentile([8, 3], percent))).toEqual([3, 8]);
});

test('at least so many percent of the values are not above a percentile, and fewer are below it', () => {
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 100 }), (values, percent) => {
      const found = percentile(values, percent);
      const wanted = (percent / 100) * values.length;
      expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(wanted - 1e-9);
      expect(values.filter((value) => value < found).length).toBeLessThan(wanted);
    }),
  );
});

test('a median is the middle one, or between the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 6])).toBe(5.5);
  expect(median([4])).toBe(4);
});

test('a spread has the extremes, and a mean is what it is', () => {
  expect(spreadOf([3, 9, 1])).toEqual({ median: 3, lowest: 1, highest: 9 });
  expect(mean([1, 2, 6])).toBe(3);
});

test('a latency is the spread of the percentiles of the rounds, and not a percentile of all together', () => {
  const { p50, p99 } = latencyOf([oneToHundred, oneToHundred.map((value) => 10 * value), [1]]);
  expect(p50).toEqual({ median: 50, lowest: 1, highest: 500 });
  expect(p99).toEqual({ median: 99, lowest: 1, highest: 990 });
});
