import type { Command } from 'commander';
import type { Session } from '../shared/session.ts';

/** `codec-server` */
export function addCodecServer(program: Command, session: Session): void {
  program
    .command('codec-server')
    .description('decrypt payloads for those allowed, so that the Web UI can show them')
    .addHelpText(
      'after',
      `
Reads ENCRYPTION_KEYS and CODEC_SERVER_…; see \`concord settings\`. Prints a line of JSON for each request, without what was
in it, until it is ended.

Example:
  $ export CODEC_SERVER_TOKENS="me:$(openssl rand -hex 32)" CODEC_SERVER_ORIGINS=http://127.0.0.1:8233
  $ concord codec-server
`,
    )
    .action(async () => (await import('../shared/codec-server.ts')).runCodecServer(session));
}
