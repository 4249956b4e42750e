#!/usr/bin/env node
// Nothing may be imported statically that `npm ci` installs: without it, there should be a message and no stack trace.
const { register } = await import('tsx/esm/api').catch(() => {
  console.error('error: dependencies are missing; run `npm ci` in the directory of Concord');
  process.exit(1);
});
register();
const { main } = await import('../client/cli.ts');
const exitCode = await main(process.argv.slice(2));
// Once all is written, go: a question that nobody waits for any more would keep the process alive.
process.stdout.write('', () => process.exit(exitCode));
