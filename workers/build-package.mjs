import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

// Makes dist/ of the product's folders alone: it runs without a compiler and without bundling anything at its start.

const root = new URL('../', import.meta.url);
const dist = new URL('dist/', root);
// Files that are read or run, and not imported.
const assets = ['platform/encryption/failure-converter.cjs', 'client/cli/bin.mjs'];

rmSync(dist, { recursive: true, force: true });
const compiler = ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json'];
const { status } = spawnSync(process.execPath, compiler, { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
for (const asset of assets) copyFileSync(new URL(asset, root), new URL(asset, dist));

const bundles = new URL('bundles/', dist);
mkdirSync(bundles);
// Of the sources: what the compiler makes of them is ESM to the bundler, in which workflow code can't `require`.
register();
const { bundleWorkflows } = await import(new URL('workers/bundle.ts', root).href);
const { encryptedFailures } = await import(new URL('platform/encryption/data-converter.ts', root).href);
for (const name of ['orders', 'inventory'])
  for (const converter of [{}, encryptedFailures])
    await bundleWorkflows(name, fileURLToPath(bundles), converter);
