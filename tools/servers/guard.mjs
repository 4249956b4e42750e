// The guard: a small process beside us, so that the servers we start never outlive us. When the pipe from us ends, in
// whatever way we died, it ends what our record names.

import { once } from 'node:events';
import { acceptTypeScript } from '../../client/cli/typescript.mjs';

const [file = ''] = process.argv.slice(2);
// A signal is for our owner, who ends us in its own time.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM']) process.on(signal, () => {});
await once(process.stdin.resume(), 'end');
await acceptTypeScript();
const { endStart } = await import('./running.ts');
await endStart(file);
