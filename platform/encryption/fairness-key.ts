import { createHmac } from 'node:crypto';
import type { EncryptionKeys } from './keys.ts';

/**
 * Returns the name under which Temporal shares its workers' time among customers. It can read it: if orders are encrypted,
 * it only learns which of them are of one customer.
 */
export function fairnessKeyOf(customerId: string, keys?: EncryptionKeys): string {
  // The longest that Temporal takes. Customers whose ids begin alike share their turns then.
  if (keys === undefined) return customerId.slice(0, 64);
  return createHmac('sha256', keys[0].secret).update(`customer ${customerId}`).digest('base64url');
}
