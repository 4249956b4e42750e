import { InvalidArgumentError } from 'commander';
import { identifier } from '../../../domain/order.ts';
import { parse } from '../../../domain/validation.ts';

/** @throws ConcordError `InvalidInput` */
export function checkOrderId(id: string): void {
  parse(identifier(), id, 'order id');
}

/** A commander parser for a whole number. */
export function wholeNumber(text: string): number {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError(`Use a whole number, at most ${Number.MAX_SAFE_INTEGER}.`);
}

/** A commander parser for seconds; milliseconds. */
export function seconds(text: string): number {
  const milliseconds = Math.round(Number(text) * 1_000);
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return milliseconds;
  throw new InvalidArgumentError('Use a number of seconds.');
}
