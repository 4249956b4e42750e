import { createHmac } from 'node:crypto';
import type { EncryptionKeys } from './keys.ts';

/** Returns the name under which a customer takes turns, at most 64 bytes. Temporal reads it: with keys, it is no name. */
export function fairnessKeyOf(customerId: string, keys?: EncryptionKeys): string {
  if (keys === undefined) return customerId.slice(0, 64);
  return createHmac('sha256', keys[0].secret).update(`customer ${customerId}`).digest('base64url');
}
