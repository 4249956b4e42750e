#!/usr/bin/env node
import { existsSync } from 'node:fs';

// Nothing may be imported statically that npm installs: without it, there should be a message and no stack trace.
const { main } = await load().catch((error) => {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error('error: dependencies are missing; run `npm ci` in the directory of Concord');
  process.exit(1);
});
const exitCode = await main(process.argv.slice(2));
// Once all is written, go: a question that nobody waits for any more would keep the process alive.
process.stdout.write('', () => process.exit(exitCode));

/** A checkout runs its sources, even if it has a build, which may be older; a package has the build alone. */
async function load() {
  const source = new URL('./main.ts', import.meta.url);
  if (!existsSync(source)) return import(new URL('./main.js', import.meta.url).href);
  const { whenNpmIsGone } = await import('./npm-script.mjs');
  whenNpmIsGone(() => process.kill(process.pid, 'SIGTERM'));
  const { acceptTypeScript } = await import('./typescript.mjs');
  await acceptTypeScript();
  return import(source.href);
}
