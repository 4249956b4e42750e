import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { settingNames } from '../../platform/settings/catalogue.ts';

// The README and the docs name only what there is.

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(root + file));
const folders = new Set(files.flatMap(foldersAbove));
const read = (file: string) => readFileSync(root + file, 'utf8');
const pages = files.filter((file) => file.endsWith('.md'));
const sources = files.filter((file) => /\.(ts|mjs|cjs|js|sh|ya?ml)$|Dockerfile$|^\.env\.example$/.test(file));
const code = sources.map(read).join('\n');
const manifest: { scripts: Record<string, string> } = JSON.parse(read('package.json'));

test('the README has at most 200 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
});

describe.each(pages)('%s', (page) => {
  const text = read(page);

  test('links to files and headings that are there', () => {
    const broken = linksIn(text).filter((link) => !resolves(page, link));
    expect(broken).toEqual([]);
  });

  test('names files and folders that are there', () => {
    expect(pathsIn(text).filter((name) => !isThere(page, name))).toEqual([]);
  });

  test('names scripts of npm, and commands of `concord`, that are there', () => {
    const scripts = matchesOf(text, /\bnpm (?:-s )?run (?:-s )?([\w:-]+)/g);
    const commands = matchesOf(text, /(?:\bconcord -- |(?:`|\$ |npx |^)concord )([a-z][\w-]*)/gm);
    const unknown = [
      ...scripts.filter((name) => !(name in manifest.scripts)),
      ...commands.filter((name) => !files.includes(`client/cli/commands/${name}.ts`)),
    ];
    expect(unknown).toEqual([]);
  });

  test('names options that its commands take', () => {
    const own = text.split('\n').filter((line) => !OF_OTHERS.test(line));
    const named = matchesOf(own.join('\n'), /(?<![\w-])(--[a-z][a-z-]+)/g);
    expect(named.filter((option) => !code.includes(`'${option}`))).toEqual([]);
  });

  test('names variables that are read', () => {
    const named = matchesOf(text, /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b(?!…)/g);
    expect(named.filter((name) => !isVariable(name))).toEqual([]);
  });

  test('names metrics that are counted', () => {
    const named = matchesOf(text, /\b(concord_[a-z_]+)\b/g).map((name) => name.replace(/_total$/, ''));
    expect(named.filter((name) => !code.includes(`'${name}'`))).toEqual([]);
  });

  test('says of each step its file and a function that is in it', () => {
    const wrong = stepsIn(text).flatMap(({ files: named, functions }) => {
      const found = named.map(read).join('\n');
      return functions
        .filter((name) => !new RegExp(`\\b${name}\\b`).test(found))
        .map((name) => [name, ...named]);
    });
    expect(wrong).toEqual([]);
  });
});

// Lines with options of other programs; and what a command goes on with.
const OF_OTHERS = /\b(docker|kubectl|npm ci|npm audit|temporal|vitest)\b|node --|=--|^ +--/i;

function matchesOf(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, found = '']) => found))];
}

/** Targets of links and pictures, but for other sites. */
function linksIn(text: string): string[] {
  const links = matchesOf(text.replace(/```[\s\S]*?```/g, ''), /\]\(([^)\s]+)\)/g);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

function resolves(page: string, link: string): boolean {
  const [target = '', anchor] = link.split('#');
  const file = target === '' ? page : path.posix.join(path.posix.dirname(page), target).replace(/\/$/, '');
  if (!files.includes(file) && !folders.has(file)) return false;
  return anchor === undefined || headingsOf(read(file)).includes(anchor);
}

/** As GitHub makes anchors of headings. */
function headingsOf(text: string): string[] {
  return matchesOf(text.replace(/```[\s\S]*?```/g, ''), /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What stands alone in code and looks like a path of this repository, also in commands. */
function pathsIn(text: string): string[] {
  const tops = [...folders]
    .filter((folder) => !folder.includes('/'))
    .map((folder) => folder.replace('.', '\\.'));
  const within = new RegExp(`(?<![\\w./-])((?:${tops.join('|')})/[\\w./*-]*)`, 'g');
  const names = matchesOf(text, /`([\w./-]+\.(?:ts|mjs|md|json|ya?ml|sh|js))`/g);
  return [...new Set([...names, ...matchesOf(text, within)])].map((name) => name.replace(/[./]+$/, ''));
}

/** A path from the root, or a name that is unique or beside the page; what the build makes is not there yet. */
function isThere(page: string, name: string): boolean {
  if (/^(dist|artifacts)(\/|$)/.test(name) || MADE_BY_USERS.includes(name)) return true;
  const places = [name, path.posix.join(path.posix.dirname(page), name)];
  const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`);
  if (name.includes('*')) return [...files, ...folders].some((place) => pattern.test(place));
  if (places.some((place) => files.includes(place) || folders.has(place))) return true;
  return !name.includes('/') && files.some((file) => path.posix.basename(file) === name);
}

const MADE_BY_USERS = ['orders.json'];

/** A setting of Concord, a constant or a variable in the code, or one of OpenTelemetry's own. */
function isVariable(name: string): boolean {
  return settingNames.includes(name) || name.startsWith('OTEL_') || new RegExp(`\\b${name}\\b`).test(code);
}

/** Rows of tables whose columns are called `file` and `function`. */
function stepsIn(text: string): { files: string[]; functions: string[] }[] {
  return text.split(/\n(?!\|)/).flatMap((block) => {
    const lines = block.split('\n').filter((line) => line.startsWith('|'));
    const rows = lines.map((line) => line.split('|').map((cell) => cell.trim()));
    const file = rows[0]?.indexOf('file') ?? -1;
    const functionAt = rows[0]?.indexOf('function') ?? -1;
    if (file < 0 || functionAt < 0) return [];
    return rows.slice(2).map((row) => ({
      files: matchesOf(row[file] ?? '', /`([^`]+)`/g),
      functions: matchesOf(row[functionAt] ?? '', /(\w+)(?=`|\.)/g),
    }));
  });
}

function foldersAbove(file: string): string[] {
  const parts = file.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
