import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('every public method of the client has an example', () => {
  const source = readFileSync(new URL('../../../client/concord.ts', import.meta.url), 'utf8');
  // A method is indented by two, and its docstring ends in the line before it.
  const methods = source.matchAll(/(?<end>\*\/)?\n {2}(?:static )?(?:async )?\*?(?<name>\w+)\(/g);
  const examples = new Map<string, boolean>();
  for (const { index, groups } of methods) {
    const comment = groups?.end ? source.slice(source.lastIndexOf('/**', index), index) : '';
    examples.set(groups?.name ?? '', comment.includes('@example'));
  }
  expect([...examples.keys()]).toEqual(expect.arrayContaining(['connect', 'place', 'watch', 'resolve']));
  expect([...examples].filter(([, hasExample]) => !hasExample)).toEqual([]);
});
