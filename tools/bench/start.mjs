import { prepareCheckout } from '../bootstrap.mjs';

prepareCheckout();
const { register } = await import('tsx/esm/api');
register();
// Which tool is no option of the tool.
const [tool] = process.argv.splice(2, 1);
await import(`./${tool}.ts`);
