import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import { invalidInput } from '../../domain/validation.ts';

export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least}` : `${least} to ${most}`;
    throw new InvalidArgumentError(`Use a whole number from ${range}.`);
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Use a number above 0.');
}

export function listOf<Value>(parse: (text: string) => Value): (text: string) => Value[] {
  return (text) => text.split(',').map(parse);
}

export function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Use one of ${names.join(', ')}; more with commas between.`);
  };
}

/** Refuses a file that can't be written, before anything is measured. */
export function checkWritable(option: string, file: string | undefined): void {
  if (file === undefined) return;
  const refuse = (fix: string) => invalidInput(option, fix);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw refuse(`${file} is a directory; name a file`);
  try {
    accessSync(found === undefined ? path.dirname(file) : file, constants.W_OK);
  } catch {
    const fix = 'name a file in a directory that exists and that you may write to';
    throw refuse(`${file} can't be written; ${fix}`);
  }
}
