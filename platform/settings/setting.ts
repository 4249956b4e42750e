import { z } from 'zod';

/** What the README and `concord settings` say of a setting. */
export interface SettingText {
  /** What it is for. */
  readonly purpose: string;
  /** Which values it takes. */
  readonly range: string;
  /** What holds without it, where that is not a plain default of the schema. */
  readonly otherwise?: string;
  /** True where its value must never be shown. */
  readonly secret?: true;
}

/** A setting: its environment variable, and what there is to know about it, in Markdown. */
export interface Setting extends SettingText {
  readonly name: string;
  /** What holds without it. */
  readonly fallback: string;
}

const texts = z.registry<SettingText>();

/** Says what a variable is for, beside what checks it. */
export function documented<Schema extends z.ZodType>(schema: Schema, text: SettingText): Schema {
  texts.add(schema, text);
  return schema;
}

/** The settings of a table of variables, in its order. */
export function settingsOf(shape: Readonly<Record<string, z.ZodType>>): Setting[] {
  return Object.entries(shape).map(([name, schema]) => {
    const text = texts.get(schema);
    if (text === undefined) throw new Error(`${name} is not documented`);
    const fallback = text.otherwise ?? defaultOf(schema) ?? 'none';
    return { name, ...text, fallback };
  });
}

function defaultOf(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodDefault ? `\`${schema.def.defaultValue}\`` : undefined;
}

/**
 * An empty variable, as scripts and Compose files leave it, is one that isn't set.
 *
 * @param isMeant True for those that say something where they are empty.
 */
export function withoutEmpty(
  variables: NodeJS.ProcessEnv,
  isMeant: (name: string) => boolean = () => false,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && (entry[1] !== '' || isMeant(entry[0])),
    ),
  );
}

/** A whole number. */
export function wholeNumber(least: number, most: number) {
  const fix = `use a whole number from ${least} to ${most}`;
  return z.coerce.number(fix).int(fix).min(least, fix).max(most, fix);
}

/** A port of this machine. */
export function port() {
  const fix = 'use a port from 1 to 65535';
  return z.coerce.number(fix).int(fix).min(1, fix).max(65_535, fix);
}

/** A yes or no, in the words of Temporal's own variables. */
export const truth = z
  .enum(['true', 'false', '1', '0'], 'use true or false')
  .transform((text) => text === 'true' || text === '1');
