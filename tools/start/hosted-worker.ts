import { once } from 'node:events';
import { z } from 'zod';
import { services } from '../../domain/services.ts';
import { dataConverterOf } from '../../platform/encryption/data-converter.ts';
import { readEncryption } from '../../platform/settings/read-encryption.ts';
import { bundleWorkflowCode } from '../../workers/bundle.ts';
import { runServices } from '../../workers/run.ts';

// A service's worker that `npm start` hosts: `hosted-worker.ts SERVICE`. It loads and bundles what it runs while the
// servers still start, and runs when a message says where they are.

const name = z.enum(services).parse(process.argv[2]);
const abandon = () => process.exit();
process.once('disconnect', abandon);
const told = once(process, 'message');
const code = await bundleWorkflowCode(name, dataConverterOf(readEncryption(process.env)));
const [environment] = await told;
process.off('disconnect', abandon);
Object.assign(process.env, environment);
await runServices([name], { workflowBundle: { code } });
