import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A setting, as docs/configuration.md and `concord settings` describe it, in Markdown. */
export interface Setting {
  readonly name: string;
  /** What it is for. */
  readonly purpose: string;
  /** Which values it takes. */
  readonly range: string;
  /** What holds without it. */
  readonly fallback: string;
}

const texts = z.registry<Pick<Setting, 'purpose' | 'fallback'>>();

/** Says what a variable is for, beside what checks it. Which values it takes is its schema's description. */
export function documented<Schema extends z.ZodDefault>(schema: Schema, purpose: string): Schema {
  texts.add(schema, { purpose, fallback: `\`${schema.def.defaultValue}\`` });
  return schema;
}

/** The same of one without a plain default. */
export function optional<Schema extends z.ZodType>(
  schema: Schema,
  purpose: string,
  fallback = 'none',
): z.ZodOptional<Schema> {
  const optionalSchema = schema.optional();
  texts.add(optionalSchema, { purpose, fallback });
  return optionalSchema;
}

/** The settings of a table of variables, in its order. */
export function settingsOf(shape: Readonly<Record<string, z.ZodOptional | z.ZodDefault>>): Setting[] {
  return Object.entries(shape).map(([name, schema]) => {
    const text = texts.get(schema);
    const { description: range } = schema.unwrap() as z.ZodType;
    if (text === undefined || range === undefined) throw new Error(`${name} is not documented`);
    return { name, ...text, range };
  });
}

/**
 * An empty variable, as scripts and Compose files leave it, is one that isn't set; but an empty header of Temporal's calls
 * takes that of the profile away.
 */
export function withoutEmpty(variables: NodeJS.ProcessEnv): Record<string, string> {
  const isSet = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && (entry[1] !== '' || entry[0].startsWith('TEMPORAL_GRPC_META_'));
  return Object.fromEntries(Object.entries(variables).filter(isSet));
}

/** Any text. */
export const text = (range: string) => z.string().describe(range);

/** A text of this form. */
export const formed = (form: RegExp, range: string, fix = `use ${range}`) =>
  z.string().regex(form, fix).describe(range);

/** A whole number, also of a unit. */
export function wholeNumber(
  least: number,
  most: number,
  unit = '',
  fix = `use ${unit ? `whole ${unit},` : 'a whole number'} from ${least} to ${most}`,
) {
  const range = `${unit ? `${unit}, ` : ''}${least} to ${most}`;
  return z.coerce.number(fix).int(fix).min(least, fix).max(most, fix).describe(range);
}

/** A port of this machine. */
export const port = wholeNumber(1, 65_535, '', 'use a port from 1 to 65535');

/** A yes or no, in the words of Temporal's own variables. */
export const truth = z
  .enum(['true', 'false', '1', '0'], 'use true or false')
  .transform((word) => word === 'true' || word === '1')
  .describe('`true`, `false`');

/** The path of a file that can be read. */
export const readableFile = (range = 'a path') =>
  z
    .string()
    .superRefine((path, context) => {
      const fault = faultOf(path);
      if (fault !== undefined) context.addIssue({ code: 'custom', message: `${path} ${fault}` });
    })
    .describe(range);

/** What a reader makes of a text. The message of what it throws says what to do. */
export const readBy = <Result>(read: (text: string) => Result, range: string) =>
  z
    .string()
    .transform((value, context): Result => {
      try {
        return read(value);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    })
    .describe(range);

/** The same from a file, as mounted secrets are. */
export const inFile = <Result>(schema: z.ZodType<Result, string>) =>
  readableFile()
    .transform((path) => readFileSync(path, 'utf8'))
    .pipe(schema)
    .describe('a path');

/** Why a file can't be read, or nothing where it can. */
export function faultOf(path: string): string | undefined {
  try {
    readFileSync(path);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return `can't be read: ${REASONS[code] ?? code}`;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory',
};
