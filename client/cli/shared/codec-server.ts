import { once } from 'node:events';
import { ConcordError } from '../../../domain/errors.ts';
import { serveCodec } from '../../../platform/codec-server/server.ts';
import { readCodecServer } from '../../../platform/codec-server/settings.ts';
import { readEncryption } from '../../../platform/encryption/settings.ts';
import type { Session } from './session.ts';

/** `codec-server` */
export async function runCodecServer({ output }: Session): Promise<void> {
  const settings = readCodecServer(process.env);
  const keys = readEncryption(process.env);
  if (keys === undefined) {
    throw badInput('ENCRYPTION_KEYS', "give the workers' keys: without any there is nothing to decrypt");
  }
  const { host, port, tls } = settings;
  const tell = (access: object) => output.printLine({ time: new Date().toISOString(), ...access });
  const server = await serveCodec(settings, keys, tell).catch((error: Error) => {
    throw badInput('CODEC_SERVER_PORT', `can't listen at ${host}:${port} (${error.message}); use another`);
  });
  output.note(
    `codec server at ${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
  );
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await once(stop.signal, 'abort');
  server.close();
  server.closeAllConnections();
}

function badInput(field: string, fix: string): ConcordError {
  return new ConcordError('InvalidInput', { problems: [{ field, fix }] });
}
