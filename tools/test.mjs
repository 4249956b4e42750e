import { prepareCheckout, runScript } from './bootstrap.mjs';

// `npm test` and its shares, by their folders; files that are named take their place (`npm test -- test/unit/domain`).
const VITEST = 'node_modules/vitest/vitest.mjs';
const [share, ...files] = process.argv.slice(2);
/** @type {[string, string[]][]} */
const checks = [
  ['node_modules/typescript/bin/tsc', []],
  ['node_modules/@biomejs/biome/bin/biome', ['check']],
];
/** @param {string[]} names */
const folders = (...names) => ['run', ...(files.length > 0 ? files : names.map((name) => `test/${name}/`))];
/** @type {Record<string, [string, string[]][]>} */
const steps = {
  short: [...checks, [VITEST, folders('unit', 'workflows', 'system')]],
  unit: [[VITEST, [...folders('unit'), '--project', 'unit']]],
  watch: [[VITEST, ['watch', '--project', 'unit', ...files]]],
  long: [[VITEST, folders('long')]],
};

prepareCheckout();
for (const [entry, args] of steps[share ?? ''] ?? []) {
  console.error(`> ${entry.split('/').at(-1)}`);
  const exitCode = await runScript(entry, args);
  if (exitCode !== 0) process.exit(exitCode);
}
