import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A setting, as docs/configuration.md and `concord settings` describe it, in Markdown. */
export interface Setting {
  readonly name: string;
  readonly purpose: string;
  /** The values that it accepts. */
  readonly range: string;
  /** What applies without it. */
  readonly fallback: string;
}

const texts = z.registry<Pick<Setting, 'purpose' | 'fallback'>>();

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
 * Leaves out empty variables, as scripts and Compose files set them; but an empty header of Temporal's calls stays, because
 * it removes that of the profile.
 */
export function withoutEmpty(variables: NodeJS.ProcessEnv): Record<string, string> {
  const isSet = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && (entry[1] !== '' || entry[0].startsWith('TEMPORAL_GRPC_META_'));
  return Object.fromEntries(Object.entries(variables).filter(isSet));
}

export const text = (range: string) => z.string().describe(range);

export const formed = (form: RegExp, range: string, fix = `use ${range}`) =>
  z.string().regex(form, fix).describe(range);

export function wholeNumber(least: number, most: number, what = 'a whole number') {
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
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    })
    .describe(range);

/** The path of a file that can be read. */
export const readableFile = (range = 'a path') =>
  readBy((path) => {
    const fault = faultOf(path);
    if (fault !== undefined) throw new Error(fault);
    return path;
  }, range);

/** The same from a file, as mounted secrets are. */
export const inFile = <Result>(schema: z.ZodType<Result, string>) =>
  readableFile()
    .transform((path) => readFileSync(path, 'utf8'))
    .pipe(schema)
    .describe('a path');

/** Why a file can't be read; undefined if it can. */
export function faultOf(path: string): string | undefined {
  try {
    readFileSync(path);
    return undefined;
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
