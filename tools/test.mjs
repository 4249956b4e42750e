import { prepareCheckout, runScript } from './bootstrap.mjs';

// What `npm test` and `npm run test:long` run, in this order; other arguments go to vitest (`npm test -- test/domain`).
const [share, ...files] = process.argv.slice(2);
// Who names files gets them, whichever share they belong to.
if (files.length === 0) process.env.CONCORD_TESTS = share;
const steps = [
  { name: 'typecheck', entry: 'node_modules/typescript/bin/tsc', args: [] },
  { name: 'lint', entry: 'node_modules/@biomejs/biome/bin/biome', args: ['check'] },
  { name: 'tests', entry: 'node_modules/vitest/vitest.mjs', args: ['run', ...files] },
];

prepareCheckout();
for (const { name, entry, args } of steps) {
  console.error(`> ${name}`);
  const exitCode = runScript(entry, args);
  if (exitCode !== 0) process.exit(exitCode);
}
