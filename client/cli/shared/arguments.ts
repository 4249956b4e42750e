import { InvalidArgumentError } from 'commander';
import { identifier } from '../../../domain/order.ts';
import { parse } from '../../../domain/validation.ts';

/** Returns a parser of an id. @throws ConcordError `InvalidInput` with this name */
export const idNamed = (name: string) => (text: string) => parse(identifier(), text, name);

export const orderId = idNamed('order id');

export function wholeNumber(text: string): number {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError(`Use a whole number, at most ${Number.MAX_SAFE_INTEGER}.`);
}

/** Returns a parser of seconds in these bounds. They and what it returns are milliseconds. */
export function seconds(fix: string, least = 0, most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const milliseconds = Math.round(Number(text) * 1_000);
    if (/^\d{1,9}(\.\d+)?$/.test(text) && milliseconds >= least && milliseconds <= most) return milliseconds;
    throw new InvalidArgumentError(fix);
  };
}
