import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import type { EncryptionKeys } from '../encryption/keys.ts';
import { withoutEmpty } from './setting.ts';
import { encryptionVariables } from './variables.ts';

const environment = z
  .object(encryptionVariables)
  .refine((read) => read.ENCRYPTION_KEYS === undefined || read.ENCRYPTION_KEYS_FILE === undefined, {
    path: ['ENCRYPTION_KEYS_FILE'],
    message: 'leave out this one or ENCRYPTION_KEYS',
  });

/** @throws ConcordError `InvalidInput`, naming the variable and the fix, and never a key. */
export function readEncryption(variables: NodeJS.ProcessEnv): EncryptionKeys | undefined {
  const read = parse(environment, withoutEmpty(variables));
  return read.ENCRYPTION_KEYS ?? read.ENCRYPTION_KEYS_FILE;
}
