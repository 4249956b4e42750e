import { once } from 'node:events';
import { z } from 'zod';
import { services } from '../../domain/services.ts';
import { dataConverterOf } from '../../platform/encryption/data-converter.ts';
import { readEncryption } from '../../platform/settings/read-encryption.ts';
import { bundleWorkflowCode } from '../../workers/bundle.ts';
import { runServices } from '../../workers/run.ts';

// A worker that `npm start` hosts: it bundles while the servers still start, and runs when told where they are.

const name = z.enum(services).parse(process.argv[2]);
const abandon = () => process.exit();
process.once('disconnect', abandon);
const told = once(process, 'message');
const code = await bundleWorkflowCode(name, dataConverterOf(readEncryption(process.env)));
const [environment] = await told;
process.off('disconnect', abandon);
Object.assign(process.env, environment);
await runServices([name], { workflowBundle: { code } });
