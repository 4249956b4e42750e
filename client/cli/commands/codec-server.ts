import { once } from 'node:events';
import type { Command } from 'commander';
import { invalidInput } from '../../../domain/validation.ts';
import type { Session } from '../shared/session.ts';

export function codecServer(command: Command, session: Session): void {
  command
    .description('decrypt payloads for those allowed, so that the Web UI can show them')
    .addHelpText('after', HELP)
    .action(async () => {
      const { output } = session;
      // Not loaded for `--help`.
      const { serveCodec } = await import('../../../platform/codec-server/server.ts');
      const { readCodecServer } = await import('../../../platform/settings/read-codec-server.ts');
      const { readEncryption } = await import('../../../platform/settings/read-encryption.ts');
      const settings = readCodecServer(process.env);
      const keys = readEncryption(process.env);
      const keysFix = "give the workers' keys: without any there is nothing to decrypt";
      if (keys === undefined) throw invalidInput('ENCRYPTION_KEYS', keysFix);
      const { host, port, tls } = settings;
      const tell = (access: object) =>
        output.printText(JSON.stringify({ time: new Date().toISOString(), ...access }));
      const server = await serveCodec(settings, keys, tell).catch((error: Error) => {
        const fix = `can't listen at ${host}:${port} (${error.message}); use another`;
        throw invalidInput('CODEC_SERVER_PORT', fix);
      });
      const shownHost = host.includes(':') ? `[${host}]` : host;
      output.note(`codec server at ${tls ? 'https' : 'http'}://${shownHost}:${port}`);
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
      server.close();
      server.closeAllConnections();
    });
}

const HELP = `
Reads ENCRYPTION_KEYS and CODEC_SERVER_…; see \`concord settings\`. Prints a line of JSON for each request, without what was
in it, until it is ended.

Example:
  $ export CODEC_SERVER_TOKENS="me:$(openssl rand -hex 32)" CODEC_SERVER_ORIGINS=http://127.0.0.1:8233
  $ concord codec-server
`;
