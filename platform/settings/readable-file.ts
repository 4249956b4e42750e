import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The path of a file that can be read. */
export const readableFile = z.string().superRefine((path, context) => {
  const fault = faultOf(path);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: `${path} ${fault}` });
});

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
