import type { Command } from 'commander';
import { defined } from '../../../domain/defined.ts';
import { safe } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';

export function settings(command: Command, session: Session): void {
  command
    .description('list every environment variable, what it is for, and what it is set to')
    .addHelpText('after', HELP)
    .action(async () => {
      const { sections } = await import('../../../platform/settings/catalogue.ts');
      const { isSecret } = await import('../../../platform/settings/variables.ts');
      const settings = sections.flatMap(({ settings }) =>
        settings.map(({ name, purpose, range, fallback }) => {
          const set = process.env[name] || undefined;
          const value = set && isSecret(name) ? '(set)' : set;
          const texts = { default: plain(fallback), values: plain(range), purpose: plain(purpose) };
          return { name, ...defined({ value }), ...texts };
        }),
      );
      await session.output.printItems(settings, {
        row: ({ name, value = '', ...texts }) => [name, value, ...Object.values(texts)],
        heads: ['Variable', 'Set to', 'Default', 'What for'],
        cells: ({ name, value = '', ...texts }) => [name, value, texts.default, texts.purpose].map(safe),
        none: 'no settings',
      });
    });
}

const HELP = `
Secrets are shown as \`(set)\`. On a pipe: the variable, what it is set to, its default, which values it takes, what for.

Example:
  $ concord settings
`;

/** Removes Markdown. */
const plain = (text: string): string => text.replace(/`|\[([^\]]*)\]\([^)]*\)/g, '$1');
