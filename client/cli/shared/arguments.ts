import { InvalidArgumentError } from 'commander';
import { identifier } from '../../../domain/order.ts';
import { parse } from '../../../domain/validation.ts';

// Parsers of arguments and options, for commander.

/** @throws ConcordError `InvalidInput` */
export function orderId(text: string): string {
  return parse(identifier(), text, 'order id');
}

export function wholeNumber(text: string): number {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError(`Use a whole number, at most ${Number.MAX_SAFE_INTEGER}.`);
}

/** Returns milliseconds. */
export function seconds(text: string): number {
  const milliseconds = Math.round(Number(text) * 1_000);
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return milliseconds;
  throw new InvalidArgumentError('Use a number of seconds.');
}
