import type { z } from 'zod';
import { ConcordError } from './errors.ts';

/**
 * Runs a zod schema and turns what it finds into one typed error that names each field and the fix.
 *
 * @param name What to call the value itself, where it is no object; an element of a list is `name[0]`.
 * @throws ConcordError `InvalidInput`.
 */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  name?: string,
): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, MAXIMUM_PROBLEMS)
    .map((issue) => ({ field: fieldName(issue.path, name), fix: issue.message.slice(0, MAXIMUM_LENGTH) }));
  throw new ConcordError('InvalidInput', { problems });
}

// A hostile input can be wrong in a million places; the answer must stay small.
const MAXIMUM_PROBLEMS = 10;
const MAXIMUM_LENGTH = 200;

function fieldName(path: readonly PropertyKey[], name = ''): string {
  const parts = path.map((part, index) =>
    typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`,
  );
  const isOfValueItself = typeof path[0] !== 'string';
  return `${isOfValueItself ? name : ''}${parts.join('')}`.slice(0, MAXIMUM_LENGTH) || 'input';
}
