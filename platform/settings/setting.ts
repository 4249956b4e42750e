import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** What docs/configuration.md and `concord settings` say of a variable, beside the values that it accepts; in Markdown. */
const texts = z.registry<{ readonly purpose: string; readonly fallback: string }>();

/** Adds the purpose of a variable with a default. The schema's description says which values it accepts. */
export function documented<Schema extends z.ZodDefault>(schema: Schema, purpose: string): Schema {
  texts.add(schema, { purpose, fallback: `\`${schema.def.defaultValue}\`` });
  return schema;
}

/** Makes a variable without a plain default optional, and adds its purpose. */
export function optional<Schema extends z.ZodType>(schema: Schema, purpose: string, fallback = 'none') {
  const optionalSchema = schema.optional();
  texts.add(optionalSchema, { purpose, fallback });
  return optionalSchema;
}

export function settingsOf(shape: Readonly<Record<string, z.ZodOptional | z.ZodDefault>>) {
  return Object.entries(shape).map(([name, schema]) => {
    const text = texts.get(schema);
    const { description: range } = schema.unwrap() as z.ZodType;
    if (text === undefined || range === undefined) throw new Error(`${name} is not documented`);
    return { name, ...text, range };
  });
}

/** Leaves out empty variables, as Compose files set them; but an empty header stays: it removes that of the profile. */
export function withoutEmpty(variables: NodeJS.ProcessEnv): Record<string, string> {
  const isSet = ([name, value]: [name: string, value: string | undefined]) =>
    value !== undefined && (value !== '' || name.startsWith('TEMPORAL_GRPC_META_'));
  return Object.fromEntries(Object.entries(variables).filter(isSet)) as Record<string, string>;
}

export const text = (range: string) => z.string().describe(range);

export const formed = (form: RegExp, range: string, fix = `use ${range}`) =>
  z.string().regex(form, fix).describe(range);

export const choice = <const Values extends readonly string[]>(
  values: Values,
  fix = `use one of ${values.join(', ')}`,
) => z.enum(values, fix).describe(values.map((value) => `\`${value}\``).join(', '));

export function integer(least: number, most: number, what = 'a whole number') {
  const fix = `use ${what} from ${least} to ${most}`;
  return z.coerce.number(fix).int(fix).min(least, fix).max(most, fix).describe(`${least} to ${most}`);
}

/** What a reader makes of a text; it throws an error whose message says what to do. */
export const readBy = <Result>(read: (text: string) => Result, range: string) =>
  z
    .string()
    .transform((value, context): Result => {
      try {
        return read(value);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    })
    .describe(range);

/** The path of a file that can be read. */
export const readable = (range = 'a path') =>
  readBy((path) => {
    const fault = faultOf(path);
    if (fault === undefined) return path;
    throw new Error(fault);
  }, range);

/** The same from a file, as mounted secrets are. */
export const inFile = <Result>(schema: z.ZodType<Result, string>) =>
  readable()
    .transform((path) => readFileSync(path, 'utf8'))
    .pipe(schema)
    .describe('a path');

/** Why a file can't be read; undefined if it can. */
export function faultOf(path: string): string | undefined {
  try {
    readFileSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return `${path} can't be read: ${REASONS[code] ?? code}`;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory',
};
