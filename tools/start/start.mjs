import { acceptTypeScript } from '../../dev/typescript.mjs';
import { prepareCheckout } from '../bootstrap.mjs';

prepareCheckout();
await acceptTypeScript();
await import('./start.ts');
