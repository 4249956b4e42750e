import { prepareCheckout } from './bootstrap.mjs';
import { acceptTypeScript } from './typescript.mjs';

prepareCheckout();
await acceptTypeScript();
await import('./start.ts');
