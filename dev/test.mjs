import { prepareCheckout, runScript } from './bootstrap.mjs';

// What `npm test` runs, in this order; arguments go to vitest (`npm test -- test/domain`).
const steps = [
  { name: 'typecheck', entry: 'node_modules/typescript/bin/tsc', args: [] },
  { name: 'lint', entry: 'node_modules/@biomejs/biome/bin/biome', args: ['check'] },
  { name: 'tests', entry: 'node_modules/vitest/vitest.mjs', args: ['run', ...process.argv.slice(2)] },
];

prepareCheckout();
for (const { name, entry, args } of steps) {
  console.error(`> ${name}`);
  const exitCode = runScript(entry, args);
  if (exitCode !== 0) process.exit(exitCode);
}
