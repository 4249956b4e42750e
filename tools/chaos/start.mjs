import { prepareCheckout } from '../bootstrap.mjs';

prepareCheckout();
const { register } = await import('tsx/esm/api');
register();
await import('./main.ts');
