import { fileURLToPath } from 'node:url';
import { runServices } from '../../workers/run.ts';
import { services } from '../../workers/services.ts';

/** The order service, whose orders payment takes part in. */
const orders = {
  ...services.orders,
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
};

await runServices([orders]);
