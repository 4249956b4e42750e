import { prepareCheckout, runScript } from './bootstrap.mjs';

// `npm run build`, from a fresh clone as well.
prepareCheckout();
process.exitCode = await runScript('workers/build-package.mjs', []);
