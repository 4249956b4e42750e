import { once } from 'node:events';
import { acceptTypeScript } from '../../client/cli/typescript.mjs';

// A process beside us, so that our servers never outlive us: when the pipe from us ends, it ends what our record names.

const [file = ''] = process.argv.slice(2);
// A signal is for the owner, who ends the guard in its own time.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM']) process.on(signal, () => {});
await once(process.stdin.resume(), 'end');
await acceptTypeScript();
const { endStart } = await import('./running.ts');
await endStart(file);
