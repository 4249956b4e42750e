import { acceptTypeScript } from '../client/cli/typescript.mjs';
import { prepareCheckout } from './bootstrap.mjs';

// Runs a tool from its sources, from a fresh clone as well: `run.mjs chaos` is tools/chaos/chaos.ts.
prepareCheckout();
await acceptTypeScript();
const [tool] = process.argv.splice(2, 1);
await import(`./${tool}/${tool}.ts`);
