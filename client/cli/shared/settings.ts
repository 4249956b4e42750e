import { safe, table } from './output.ts';
import type { Session } from './session.ts';
import { sections } from './settings-catalogue.ts';

/** `settings` */
export async function printSettings({ output }: Session): Promise<void> {
  const settings = sections.flatMap(({ settings }) =>
    settings.map(({ name, purpose, range, fallback, secret }) => {
      const value = process.env[name];
      const shown = secret ? '(set)' : value;
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
