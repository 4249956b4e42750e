import { prepareCheckout, runScript } from './bootstrap.mjs';

prepareCheckout();
process.exitCode = await runScript('workers/build-package.mjs', []);
