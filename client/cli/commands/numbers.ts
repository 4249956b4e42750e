import { InvalidArgumentError } from 'commander';

/** A commander parser for a whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Use a whole number.');
  return Number(text);
}

/** A commander parser for seconds; milliseconds. */
export function seconds(text: string): number {
  const milliseconds = Math.round(Number(text) * 1_000);
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return milliseconds;
  throw new InvalidArgumentError('Use a number of seconds.');
}
