import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// Which way dependencies point, from the imports themselves: of values and of types, static and dynamic.

/** Whose files may import whose: all arrows that there are. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  platform: ['domain'],
  workflows: ['platform', 'domain', 'types of activities'],
  activities: ['platform', 'domain'],
  workers: ['activities', 'workflows', 'platform', 'domain'],
  client: ['activities', 'workflows', 'platform', 'domain'],
  examples: ['workers', 'client', 'activities', 'workflows', 'platform', 'domain'],
  tools: ['examples', 'workers', 'client', 'activities', 'workflows', 'platform', 'domain'],
  deploy: [],
  '.': [],
  test: ['tools', 'examples', 'workers', 'client', 'activities', 'workflows', 'platform', 'domain'],
};

// What stands between the keyword and `from` holds no quotes and no semicolon.
const IMPORT =
  /(?:\b(?:import|export)(?<type>\s+type\b)?[^'"`;()]*?\bfrom|\bimport\s*\(|\brequire\s*\(|\bimport)\s*['"`](?<specifier>[^'"`]+)['"`]/g;

interface Import {
  readonly file: string;
  readonly target: string;
  readonly isOfTypes: boolean;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(ts|mjs|cjs|js)$/.test(file) && existsSync(root + file));
const imports = files
  .flatMap((file) => importsIn(file, readFileSync(root + file, 'utf8')))
  .filter(({ target }) => existsSync(root + target));

test('what is read as imports is all of them: static, dynamic and of types', () => {
  const source = `
    import { a } from '../domain/a.ts';
    import type {
      B,
    } from '../domain/b.ts';
    import '../domain/c.ts';
    export * from "../domain/d.ts";
    export type { E } from '../domain/e.ts';
    const f = await import('../domain/f.ts');
    const g: typeof import('../domain/g.ts') = require('../domain/h.cjs');
    const i = await import(
      '../domain/i.ts'
    );
    import { j } from 'a-package';
  `;
  const read = importsIn('client/z.ts', source);
  expect(read.map(({ target }) => path.basename(target, path.extname(target))).join('')).toBe('abcdefghi');
  expect(read.filter(({ isOfTypes }) => isOfTypes).map(({ target }) => path.basename(target))).toEqual([
    'b.ts',
    'e.ts',
  ]);
  expect(imports.length).toBeGreaterThan(1_000);
});

test('the table names every folder with source, and imports follow its arrows and no others', () => {
  expect([...new Set(files.map(folderOf))].sort()).toEqual(Object.keys(ARROWS).sort());
  expect(imports.filter((found) => !isAllowed(found)).map(shown)).toEqual([]);
});

test('nothing but tools and tests imports tools', () => {
  const importers = imports.filter(({ target }) => folderOf(target) === 'tools').map(({ file }) => file);
  expect(importers.filter((file) => !['tools', 'test'].includes(folderOf(file)))).toEqual([]);
});

test('no two folders import each other, at any depth', () => {
  const between = new Map<string, string[]>();
  for (const found of imports) {
    const [from, to] = foldersOf(found);
    if (from !== to)
      between.set(`${from} -> ${to}`, [...(between.get(`${from} -> ${to}`) ?? []), shown(found)]);
  }
  const mutual = [...between].filter(([arrow]) => between.has(arrow.split(' -> ').reverse().join(' -> ')));
  expect(Object.fromEntries(mutual.map(([arrow, found]) => [arrow, found.slice(0, 3)]))).toEqual({});
});

test('no files import each other in a circle', () => {
  const targetsOf = new Map(files.map((file) => [file, new Set<string>()]));
  for (const { file, target } of imports) targetsOf.get(file)?.add(target);
  const reachable = (start: string): Set<string> => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      for (const target of targetsOf.get(file) ?? []) {
        if (seen.has(target)) continue;
        seen.add(target);
        visit(target);
      }
    };
    visit(start);
    return seen;
  };
  expect(files.filter((file) => reachable(file).has(file))).toEqual([]);
});

test('each package that is installed with ours is one that the product imports', () => {
  const product = files.filter((file) => PRODUCT.includes(folderOf(file)));
  const imported = product
    .flatMap((file) => [...readFileSync(root + file, 'utf8').matchAll(IMPORT)])
    .map((match) => match.groups?.specifier ?? '');
  const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const isImported = (name: string) => imported.some((each) => each === name || each.startsWith(`${name}/`));
  expect(Object.keys(dependencies).filter((name) => !isImported(name))).toEqual([]);
});

const PRODUCT = ['domain', 'platform', 'workflows', 'activities', 'workers', 'client'];

test('domain knows nothing of Temporal or MongoDB', () => {
  const packages = files
    .filter((file) => folderOf(file) === 'domain')
    .flatMap((file) => [...readFileSync(root + file, 'utf8').matchAll(IMPORT)])
    .map((match) => match.groups?.specifier ?? '')
    .filter((specifier) => !specifier.startsWith('.'));
  expect([...new Set(packages)]).toEqual(['zod']);
});

function isAllowed({ file, target, isOfTypes }: Import): boolean {
  const [from, to] = [folderOf(file), folderOf(target)];
  const allowed = ARROWS[from] ?? [];
  return from === to || allowed.includes(to) || (isOfTypes && allowed.includes(`types of ${to}`));
}

function importsIn(file: string, source: string): Import[] {
  return [...source.matchAll(IMPORT)]
    .map(({ groups }) => ({ specifier: groups?.specifier ?? '', isOfTypes: groups?.type !== undefined }))
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, isOfTypes }) => ({
      ...{ file, isOfTypes },
      target: path.posix.join(path.posix.dirname(file), specifier),
    }));
}

function folderOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : '.';
}

/** The folders on both sides of where their ways part; one of them may hold the other. */
function foldersOf({ file, target }: Import): [string, string] {
  const [from, to] = [path.posix.dirname(file).split('/'), path.posix.dirname(target).split('/')];
  const shared = from.findIndex((part, index) => part !== to[index]);
  const depth = (shared < 0 ? from.length : shared) + 1;
  return [from.slice(0, depth).join('/'), to.slice(0, depth).join('/')];
}

function shown({ file, target }: Import): string {
  return `${file} -> ${target}`;
}
