import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { prepareCheckout, runScript } from './bootstrap.mjs';

// `npm run build`: makes dist/, which runs without a compiler and without bundling anything at its start.

const root = new URL('../', import.meta.url);
const dist = new URL('dist/', root);
// What is read or run, and not imported.
const assets = [
  'tools/compare/page.css',
  'tools/compare/page.browser.js',
  'platform/encryption/failure-converter.cjs',
  'client/cli/bin.mjs',
];

prepareCheckout();
// Nothing of an older build may stay.
rmSync(dist, { recursive: true, force: true });
const exitCode = runScript('node_modules/typescript/bin/tsc', ['--project', 'tsconfig.build.json']);
if (exitCode !== 0) process.exit(exitCode);
for (const asset of assets) copyFileSync(new URL(asset, root), new URL(asset, dist));

const bundles = new URL('bundles/', dist);
mkdirSync(bundles);
// Of the sources: what the compiler makes of them is ESM to the bundler, in which workflow code can't `require`.
// Only now, as a fresh clone has it only now.
const { register } = await import('tsx/esm/api');
register();
const { bundleWorkflows } = await import(new URL('workers/bundle.ts', root).href);
const { encryptedFailures } = await import(new URL('platform/encryption/data-converter.ts', root).href);
for (const name of ['orders', 'inventory']) {
  for (const converter of [{}, encryptedFailures]) {
    await bundleWorkflows(name, fileURLToPath(bundles), converter);
  }
}
