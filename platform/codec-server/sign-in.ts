import type { IncomingHttpHeaders } from 'node:http';
import type { CodecServerSettings } from '../settings/codec-server.ts';
import type { Caller } from '../settings/variables.ts';
import { callerOfSession, callerOfToken, SESSION_LIFETIME, sessionOf } from './callers.ts';
import { type Answer, type Asked, Refusal } from './http.ts';

const COOKIE = 'concord-codec';

/**
 * Who asks: by a token in `Authorization`, or by the cookie of a browser. A wrong token is not made good by a cookie.
 *
 * A cookie counts only where the browser says whose page asks; whether that one may, is checked elsewhere.
 */
export function callerOf(callers: readonly Caller[], headers: IncomingHttpHeaders): Caller | undefined {
  const { authorization, cookie = '', origin } = headers;
  if (authorization !== undefined) {
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    return token === undefined ? undefined : callerOfToken(callers, token);
  }
  const session = new RegExp(`(?:^|; *)${COOKIE}=([^;]+)`).exec(cookie)?.[1];
  return session === undefined || origin === undefined ? undefined : callerOfSession(callers, session);
}

/** Serves the page where a person exchanges their token for a cookie. */
export function createSignIn({ callers }: CodecServerSettings): (asked: Asked) => Promise<Answer> {
  return async ({ method, path, headers, body }) => {
    if (path === '/health' && method === 'GET') return { status: 200, body: 'ok' };
    if (path !== '/') throw new Refusal(404, 'there is no such page');
    if (method === 'GET') return page(200, 'Sign in to have encrypted payloads shown in the Web UI.');
    if (method !== 'POST') throw new Refusal(405, 'use GET or POST');
    // No other page may sign a browser in, or out.
    if (!isOwnPage(headers)) throw new Refusal(403, 'only the page of this server may sign in');
    const token = new URLSearchParams(await body()).get('token') ?? '';
    const caller = callerOfToken(callers, token);
    if (caller === undefined) {
      return page(
        token === '' ? 200 : 401,
        token === '' ? 'You are signed out.' : 'This token is not known.',
        cookieOf('', 0, headers),
      );
    }
    const cookie = cookieOf(sessionOf(caller), SESSION_LIFETIME / 1_000, headers);
    return {
      ...page(200, `You are signed in as ${caller.name}, for 8 hours. Now reload the Web UI.`, cookie),
      caller: caller.name,
    };
  };
}

function isOwnPage({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

/**
 * For this server only, out of reach of scripts, and sent for pages of the same site only: the Web UI has to be on the same
 * host or domain, whichever its port.
 */
function cookieOf(session: string, seconds: number, { origin = '' }: IncomingHttpHeaders): string {
  const secure = origin.startsWith('https:') ? '; Secure' : '';
  return `${COOKIE}=${session}; Max-Age=${seconds}; Path=/; HttpOnly; SameSite=Strict${secure}`;
}

function page(status: number, message: string, cookie?: string): Answer {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      ...(cookie === undefined ? {} : { 'set-cookie': cookie }),
    },
    body: `<!doctype html>
<html lang="en">
<title>Concord codec server</title>
<style>body { font: 16px system-ui; max-width: 32rem; margin: 4rem auto; padding: 0 1rem } input { font: inherit; width: 100% }</style>
<h1>Concord codec server</h1>
<p role="status">${message}</p>
<form method="post" action="/">
<p><label>Token (leave it empty to sign out) <input type="password" name="token" autocomplete="current-password"></label></p>
<p><button>Sign in or out</button></p>
</form>
</html>
`,
  };
}
