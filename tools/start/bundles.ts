import { createHash } from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode } from '../../workers/bundle.ts';
import type { ServiceName } from '../../workers/services.ts';
import { cacheDirectory } from '../servers/cache.ts';
import { remembered } from './remembered.ts';

/**
 * A service's workflow code, bundled now or by an earlier start: each file that the bundler had read is compared, so that
 * what runs is always what the sources say.
 */
export function bundledWorkflows(name: ServiceName, converter: DataConverter): Promise<string> {
  const { failureConverterPath = '' } = converter;
  const which = createHash('sha256')
    .update(JSON.stringify([ROOT, name, failureConverterPath]))
    .digest('hex');
  return remembered(
    path.join(cacheDirectory(), 'bundles', `${which.slice(0, 16)}.json`),
    [process.version, process.platform, process.arch, process.env.NODE_ENV ?? ''],
    async () => {
      const { code, paths } = await bundleWorkflowCode(name, converter);
      return { text: code, paths: [...paths, ...BUNDLER.map((file) => path.join(ROOT, file))] };
    },
  );
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

// What is bundled and how: the versions that npm has installed, our own options, and what else configures the compiler.
const BUNDLER = [
  'node_modules/.package-lock.json',
  ...['workers/bundle.ts', 'workers/services.ts', 'tools/start/bundles.ts', 'tools/start/remembered.ts'],
  ...['.swcrc', '.browserslistrc', 'package.json'],
];
