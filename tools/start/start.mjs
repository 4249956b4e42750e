import { acceptTypeScript } from '../../client/cli/typescript.mjs';
import { prepareCheckout } from '../bootstrap.mjs';

prepareCheckout();
await acceptTypeScript();
await import('./start.ts');
