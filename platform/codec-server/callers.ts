import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../settings/variables.ts';

/**
 * Who asks, if anybody known: with their token as a bearer's, or with their name and token as browsers send them, once a
 * person has given them at `/`. Takes as long for one as for another.
 */
export function callerOf(
  callers: readonly Caller[],
  { authorization = '' }: IncomingHttpHeaders,
): Caller | undefined {
  const [, scheme = '', credentials = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? [];
  const isBasic = scheme.toLowerCase() === 'basic';
  const credentialsOf = ({ name, token }: Caller) =>
    isBasic ? Buffer.from(`${name}:${token}`).toString('base64') : token;
  // All are compared, whichever fits.
  const known = callers.filter((caller) => isSame(credentialsOf(caller), credentials));
  return known[0];
}

/** Without telling by its time how much of it fits. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
