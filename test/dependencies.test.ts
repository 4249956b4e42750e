import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// Which way dependencies point, from the imports themselves.

const root = new URL('../', import.meta.url);
const folders = {
  domain: [],
  workflows: ['domain'],
  activities: ['domain'],
  // Traces of what a batch holds are made where the batch is handled.
  platform: ['domain', 'activities'],
  workers: ['domain', 'platform', 'workflows', 'activities'],
  // The command line names the workers' settings, and loads tools to compare, and to find a running `npm start`.
  client: ['domain', 'platform', 'workflows', 'activities', 'workers', 'tools'],
} as const;

test.each(Object.entries(folders))('%s imports of Concord only what it stands on: %j', (folder, allowed) => {
  const foreign = importsOf(folder)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ file, specifier }) => [file, new URL(specifier, new URL(file, root)).href] as const)
    .map(([file, target]) => [file, target.slice(root.href.length).split('/')[0] ?? ''] as const)
    .filter(([, target]) => target !== folder && !(allowed as readonly string[]).includes(target));
  expect(foreign).toEqual([]);
});

test('domain knows nothing of Temporal or MongoDB', () => {
  const packages = importsOf('domain').filter(({ specifier }) => !specifier.startsWith('.'));
  expect([...new Set(packages.map(({ specifier }) => specifier))]).toEqual(['zod']);
});

function importsOf(folder: string): { readonly file: string; readonly specifier: string }[] {
  const files = readdirSync(fileURLToPath(new URL(folder, root)), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`)
    .flatMap((file) =>
      [...readFileSync(new URL(file, root), 'utf8').matchAll(/(?:from |import |import\()'([^']+)'/g)].map(
        ([, specifier = '']) => ({ file, specifier }),
      ),
    );
}
