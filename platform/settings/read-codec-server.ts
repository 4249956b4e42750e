import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import { withoutEmpty } from './setting.ts';
import { codecServerVariables } from './variables.ts';

export type CodecServerSettings = ReturnType<typeof readCodecServer>;

/** @throws ConcordError `InvalidInput`, naming each variable and the fix, and never a token. */
export function readCodecServer(variables: NodeJS.ProcessEnv) {
  const read = parse(environment, withoutEmpty(variables));
  const { CODEC_SERVER_TLS_CERT_PATH: certificate, CODEC_SERVER_TLS_KEY_PATH: key } = read;
  return {
    host: read.CODEC_SERVER_HOST,
    port: read.CODEC_SERVER_PORT,
    callers: read.CODEC_SERVER_TOKENS ?? read.CODEC_SERVER_TOKENS_FILE ?? [],
    origins: read.CODEC_SERVER_ORIGINS ?? [],
    mayEncode: read.CODEC_SERVER_ENCODE ?? false,
    /** Files; without them it speaks HTTP. */
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
