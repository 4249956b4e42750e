import { appendFile, cp, readdir, rm, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeArguments } from '../../platform/compiled.ts';
import { temporaryDirectory } from './support.ts';

// A checkout of its own, whose sources change between two starts.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = [
  ...['activities', 'client', 'domain', 'platform', 'tools', 'workers', 'workflows'],
  ...['package.json', 'tsconfig.json'],
];
const MARKER = 'only-in-the-changed-source';
let checkout: string;

beforeAll(async () => {
  checkout = await temporaryDirectory();
  for (const name of SOURCES) await cp(path.join(ROOT, name), path.join(checkout, name), { recursive: true });
  await symlink(path.join(ROOT, 'node_modules'), path.join(checkout, 'node_modules'));
});

afterAll(() => rm(checkout, { recursive: true }));

test('a start runs the bundle of an earlier one, until a source changes', { timeout: 180_000 }, async () => {
  const code = await bundle();
  expect(code.includes(MARKER)).toBe(false);
  const first = await writes();
  expect((await bundle()) === code).toBe(true);
  expect(await writes()).toEqual(first);

  await appendFile(path.join(checkout, 'domain/order.ts'), `\nexport const marker = '${MARKER}';\n`);
  expect((await bundle()).includes(MARKER)).toBe(true);
  expect(await writes()).not.toEqual(first);
});

/** The workflow code that a start in that checkout runs. */
async function bundle(): Promise<string> {
  const program = [
    "import { bundledWorkflows } from './tools/start/bundles.ts';",
    "process.stdout.write(await bundledWorkflows('inventory', {}), () => process.exit());",
  ];
  const { stdout } = await execa(
    process.execPath,
    [...nodeArguments(), '--input-type=module', '-e', program.join('\n')],
    { cwd: checkout, env: { CONCORD_CACHE: path.join(checkout, 'cache') } },
  );
  return stdout;
}

/** Every bundle that is kept, and when it was written. */
async function writes(): Promise<[string, number][]> {
  const directory = path.join(checkout, 'cache/bundles');
  return Promise.all(
    (await readdir(directory)).map(
      async (name): Promise<[string, number]> => [name, (await stat(path.join(directory, name))).mtimeMs],
    ),
  );
}
