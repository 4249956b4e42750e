import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

// What `domain/preloaded.ts` names is evaluated once for all workflows of a thread, and frozen.

const folder = (name: string) => new URL(`../../../${name}/`, import.meta.url);

test('every module of the domain that a workflow imports is preloaded', async () => {
  const files = (await readdir(folder('workflows'), { recursive: true })).filter((file) =>
    file.endsWith('.ts'),
  );
  const wanted = new Set<string>();
  for (const file of files) {
    const imports = await importsOf(new URL(file, folder('workflows')));
    for (const [, module] of imports.map((each) => /^(?:\.\.\/)+domain\/(.*)$/.exec(each) ?? [])) {
      if (module !== undefined) wanted.add(module);
    }
  }
  expect(wanted.size).toBeGreaterThan(10);
  const preloaded = await importsOf(new URL('preloaded.ts', folder('domain')));
  expect([...wanted].filter((module) => !preloaded.includes(`./${module}`))).toEqual([]);
});

test('nothing that is preloaded can know of a workflow', async () => {
  for (const file of await readdir(folder('domain'))) {
    const imports = await importsOf(new URL(file, folder('domain')));
    const foreign = imports.filter((module) => !module.startsWith('./') && module !== 'zod');
    expect(foreign, file).toEqual([]);
  }
});

/** Those that are there at run time. */
async function importsOf(file: URL): Promise<string[]> {
  const source = await readFile(file, 'utf8');
  const imports = source.matchAll(/^import (?!type )(?:[^;]*? from )?'([^']+)';$/gms);
  return [...imports].map(([, module]) => module ?? '');
}
