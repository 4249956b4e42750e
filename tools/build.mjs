import { prepareCheckout, runScript } from './bootstrap.mjs';

// `npm run build`, from a fresh clone as well.
prepareCheckout();
process.exitCode = runScript('workers/build-package.mjs', []);
