import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../settings/variables.ts';

/** How long a browser stays signed in. Milliseconds. */
export const SESSION_LIFETIME = 8 * 60 * 60 * 1_000;

/** Whose token this is, if anybody's. Takes as long for one as for another. */
export function callerOfToken(callers: readonly Caller[], token: string): Caller | undefined {
  // All are compared, whichever fits.
  const fits = callers.filter((caller) => isSame(caller.token, token));
  return fits[0];
}

/** What a browser keeps in a cookie instead of the token. It ends by itself, and with the token. */
export function sessionOf({ name, token }: Caller, now = Date.now()): string {
  const expires = now + SESSION_LIFETIME;
  return `${name}.${expires}.${signatureOf(name, expires, token)}`;
}

/** Whose session this is, if it is one and still holds. */
export function callerOfSession(
  callers: readonly Caller[],
  session: string,
  now = Date.now(),
): Caller | undefined {
  // A name may have dots of its own.
  const [, name, expires, signature] = /^(.+)\.(\d{1,16})\.([A-Za-z0-9_-]+)$/.exec(session) ?? [];
  const caller = callers.find((known) => known.name === name);
  if (caller === undefined || signature === undefined || Number(expires) <= now) return undefined;
  return isSame(signatureOf(caller.name, Number(expires), caller.token), signature) ? caller : undefined;
}

function signatureOf(name: string, expires: number, token: string): string {
  return createHmac('sha256', token).update(`concord codec session\n${name}\n${expires}`).digest('base64url');
}

/** Without telling by its time how much of it fits. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
