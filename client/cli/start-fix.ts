import path from 'node:path';
import { isCompiled, moduleFile } from '../../platform/compiled.ts';

/** What to do where a service has no worker. */
export function startWorkerFix(service: 'orders' | 'inventory'): string {
  const file = path.relative('', moduleFile(`../../workers/${service}`, import.meta.url));
  return isCompiled
    ? `run one: \`node ${file}\``
    : `run \`npm start\`, or this worker alone: \`npx tsx ${file}\``;
}
