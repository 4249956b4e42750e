import type { Command } from 'commander';
import type { Session } from '../shared/session.ts';

/** `settings` */
export function addSettings(program: Command, session: Session): void {
  program
    .command('settings')
    .description('list every environment variable, what it is for, and what it is set to')
    .addHelpText(
      'after',
      `
Secrets are shown as \`(set)\`. On a pipe: the variable, what it is set to, its default, which values it takes, what for.

Example:
  $ concord settings
`,
    )
    .action(async () => (await import('../shared/settings.ts')).printSettings(session));
}
