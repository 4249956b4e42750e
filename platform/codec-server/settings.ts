import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import { readableFile } from '../settings/readable-file.ts';
import { documented, port, truth, withoutEmpty } from '../settings/setting.ts';
import type { Caller } from './callers.ts';

const CALLERS_FIX =
  'write each as name:token, the token in 32 or more letters, digits, - and _; each name once';

const callers = z.string().transform((text, context): Caller[] => {
  const found = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((entry) => {
      const [, name = '', token = ''] = /^([A-Za-z0-9._@-]{1,64}):([A-Za-z0-9_-]{32,})$/.exec(entry) ?? [];
      return { name, token };
    });
  const names = new Set(found.map(({ name }) => name));
  if (found.length > 0 && !names.has('') && names.size === found.length) return found;
  context.addIssue({ code: 'custom', message: CALLERS_FIX });
  return z.NEVER;
});

const ORIGINS_FIX =
  'use origins such as https://temporal.example.com, with commas between and nothing after the port';

const origins = z.string().transform((text, context): string[] => {
  const found = text.split(/[\s,]+/).filter(Boolean);
  if (found.length > 0 && found.every((origin) => /^https?:/.test(origin) && originOf(origin) === origin)) {
    return found;
  }
  context.addIssue({ code: 'custom', message: ORIGINS_FIX });
  return z.NEVER;
});

const fileOfCallers = readableFile.transform((path) => readFileSync(path, 'utf8')).pipe(callers);

/** What `concord codec-server` reads beside the encryption keys. */
export const codecServerVariables = {
  CODEC_SERVER_HOST: documented(z.string().default('127.0.0.1'), {
    purpose: 'where the codec server listens',
    range: 'an address of this machine',
  }),
  CODEC_SERVER_PORT: documented(port().default(8088), {
    purpose: 'at which port',
    range: '1 to 65535',
  }),
  CODEC_SERVER_TOKENS: documented(callers.optional(), {
    purpose: 'who may have payloads decrypted: the name is logged, the token proves it',
    range: '`name:token`, with commas between; a token has 32 or more letters, digits, `-` and `_`',
    otherwise: 'required',
    secret: true,
  }),
  CODEC_SERVER_TOKENS_FILE: documented(fileOfCallers.optional(), {
    purpose: 'the same from a file',
    range: 'a path',
  }),
  CODEC_SERVER_ORIGINS: documented(origins.optional(), {
    purpose: 'whose pages may ask, that is where the Web UI is',
    range: 'origins, with commas between',
    otherwise: 'required',
  }),
  CODEC_SERVER_ENCODE: documented(truth.optional(), {
    purpose: 'lets callers encrypt as well, as for starting workflows from the Web UI',
    range: '`true`, `false`',
    otherwise: '`false`',
  }),
  CODEC_SERVER_TLS_CERT_PATH: documented(readableFile.optional(), {
    purpose: 'its certificate: then it speaks HTTPS',
    range: 'a PEM file',
  }),
  CODEC_SERVER_TLS_KEY_PATH: documented(readableFile.optional(), {
    purpose: "the certificate's private key",
    range: 'a PEM file',
  }),
};

export interface CodecServerSettings {
  readonly host: string;
  readonly port: number;
  readonly callers: readonly Caller[];
  readonly origins: readonly string[];
  readonly mayEncode: boolean;
  /** Files; without them it speaks HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
}

/** @throws ConcordError `InvalidInput`, naming each variable and the fix, and never a token. */
export function readCodecServer(variables: NodeJS.ProcessEnv): CodecServerSettings {
  const read = parse(environment, withoutEmpty(variables));
  const certificate = read.CODEC_SERVER_TLS_CERT_PATH;
  const key = read.CODEC_SERVER_TLS_KEY_PATH;
  return {
    host: read.CODEC_SERVER_HOST,
    port: read.CODEC_SERVER_PORT,
    callers: read.CODEC_SERVER_TOKENS ?? read.CODEC_SERVER_TOKENS_FILE ?? [],
    origins: read.CODEC_SERVER_ORIGINS ?? [],
    mayEncode: read.CODEC_SERVER_ENCODE ?? false,
    tls: certificate === undefined || key === undefined ? undefined : { certificate, key },
  };
}

const environment = z.object(codecServerVariables).superRefine((read, context) => {
  const complain = (name: keyof typeof codecServerVariables, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message });
  const { CODEC_SERVER_TOKENS: tokens, CODEC_SERVER_TOKENS_FILE: file } = read;
  if (tokens === undefined && file === undefined)
    complain('CODEC_SERVER_TOKENS', 'say who may decrypt, as name:token (a token: `openssl rand -hex 32`)');
  if (tokens !== undefined && file !== undefined)
    complain('CODEC_SERVER_TOKENS_FILE', 'leave out this one or CODEC_SERVER_TOKENS');
  if (read.CODEC_SERVER_ORIGINS === undefined)
    complain('CODEC_SERVER_ORIGINS', 'say where the Web UI is, such as http://127.0.0.1:8233');
  if ((read.CODEC_SERVER_TLS_CERT_PATH === undefined) !== (read.CODEC_SERVER_TLS_KEY_PATH === undefined))
    complain('CODEC_SERVER_TLS_KEY_PATH', 'name both the certificate and its key, or neither');
});

function originOf(text: string): string | undefined {
  return URL.canParse(text) ? new URL(text).origin : undefined;
}
