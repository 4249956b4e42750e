import { z } from 'zod';
import { ConcordError } from './errors.ts';

/** `name`: of a value without fields. @throws ConcordError `InvalidInput` with each field and its fix, as all `parse…` do. */
export function parse<Output>(schema: z.ZodType<Output>, input: unknown, name?: string): Output {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, MAXIMUM_PROBLEMS)
    .map((issue) => ({ field: fieldName(issue.path, name), fix: issue.message.slice(0, MAXIMUM_LENGTH) }));
  throw new ConcordError('InvalidInput', { problems });
}

/** The error for one field, for checks beyond schemas. */
export function invalidInput(field: string, fix: string): ConcordError<'InvalidInput'> {
  return new ConcordError('InvalidInput', { problems: [{ field, fix }] });
}

export function oneOf<const Values extends readonly string[]>(values: Values) {
  return z.enum(values, `use one of ${values.join(', ')}`);
}

export function wholeNumber(min: number, max: number, fix = `use a whole number from ${min} to ${max}`) {
  return z.int(fix).min(min, fix).max(max, fix);
}

export const whyText = () => z.string().min(1, 'say why').max(200, 'use at most 200 characters');

// A hostile input can be wrong in a million places; the answer must stay small.
const MAXIMUM_PROBLEMS = 10;
const MAXIMUM_LENGTH = 200;

function fieldName(path: readonly PropertyKey[], name = ''): string {
  const valueName = typeof path[0] === 'string' ? '' : name;
  return `${valueName}${z.core.toDotPath(path)}`.slice(0, MAXIMUM_LENGTH) || 'input';
}
