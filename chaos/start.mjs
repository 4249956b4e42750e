import { prepareCheckout } from '../tools/bootstrap.mjs';

prepareCheckout();
const { register } = await import('tsx/esm/api');
register();
await import('./run.ts');
