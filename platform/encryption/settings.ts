import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import { readableFile } from '../settings/readable-file.ts';
import { documented, withoutEmpty } from '../settings/setting.ts';
import { type EncryptionKeys, KeysError, parseKeys } from './keys.ts';

const keys = z.string().transform((text, context): EncryptionKeys => {
  try {
    return parseKeys(text);
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

const fileOfKeys = readableFile.transform((path) => readFileSync(path, 'utf8')).pipe(keys);

export const encryptionVariables = {
  ENCRYPTION_KEYS: documented(keys.optional(), {
    purpose: 'encrypts what Temporal keeps: the first key encrypts, each of them decrypts',
    range: '`id:key`, with commas between; a key is the base64 of 32 bytes',
    otherwise: 'not encrypted',
    secret: true,
  }),
  ENCRYPTION_KEYS_FILE: documented(fileOfKeys.optional(), {
    purpose: 'the same from a file, as mounted secrets are',
    range: 'a path',
  }),
};

const environment = z
  .object(encryptionVariables)
  .refine((read) => read.ENCRYPTION_KEYS === undefined || read.ENCRYPTION_KEYS_FILE === undefined, {
    path: ['ENCRYPTION_KEYS_FILE'],
    message: 'leave out this one or ENCRYPTION_KEYS',
  });

/**
 * The keys that payloads are encrypted with; nothing where they are not.
 *
 * @throws ConcordError `InvalidInput`, naming the variable and the fix, and never a key.
 */
export function readEncryption(variables: NodeJS.ProcessEnv): EncryptionKeys | undefined {
  const read = parse(environment, withoutEmpty(variables));
  return read.ENCRYPTION_KEYS ?? read.ENCRYPTION_KEYS_FILE;
}
