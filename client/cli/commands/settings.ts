import type { Command } from 'commander';
import { safe, table } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';

/** `settings` */
export function addSettings(program: Command, session: Session): void {
  program
    .command('settings')
    .description('list every environment variable, what it is for, and what it is set to')
    .addHelpText('after', HELP)
    .action(() => printSettings(session));
}

const HELP = `
Secrets are shown as \`(set)\`. On a pipe: the variable, what it is set to, its default, which values it takes, what for.

Example:
  $ concord settings
`;

async function printSettings({ output }: Session): Promise<void> {
  const { sections } = await import('../../../platform/settings/catalogue.ts');
  const { isSecret } = await import('../../../platform/settings/variables.ts');
  const settings = sections.flatMap(({ settings }) =>
    settings.map(({ name, purpose, range, fallback }) => {
      const value = process.env[name];
      const shown = isSecret(name) ? '(set)' : value;
      return {
        name,
        ...(value ? { value: shown } : {}),
        default: plain(fallback),
        values: plain(range),
        purpose: plain(purpose),
      };
    }),
  );
  await output.print({
    document: settings,
    rows: settings.map((setting) => [
      setting.name,
      setting.value ?? '',
      setting.default,
      setting.values,
      setting.purpose,
    ]),
    terminal: () =>
      table(
        ['Variable', 'Set to', 'Default', 'What for'],
        settings.map(({ name, value, default: fallback, purpose }) =>
          [name, value ?? '', fallback, purpose].map((text) => safe(text)),
        ),
        output.colors,
      ),
  });
}

/** Without Markdown. */
function plain(text: string): string {
  return text.replace(/`|\[([^\]]*)\]\([^)]*\)/g, '$1');
}
