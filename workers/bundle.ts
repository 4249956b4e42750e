import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode as bundle, DefaultLogger } from '@temporalio/worker';
import { defined } from '../domain/defined.ts';
import { isCompiled } from '../platform/compiled.ts';
import { preloadedModules, type ServiceName, services, workflowInterceptorModules } from './services.ts';

/**
 * Bundles a service's workflow code, which takes a few seconds, and returns the file in this directory that it is in.
 *
 * @param converter Its worker's: if that encrypts, workflows hand over their failures in payloads.
 * @param workflowsPath The module that exports the workflows.
 */
export async function bundleWorkflows(
  name: ServiceName,
  directory: string,
  converter: DataConverter = {},
  workflowsPath?: string,
): Promise<string> {
  const file = bundleIn(directory, name, converter);
  await writeFile(file, await bundleWorkflowCode(name, converter, workflowsPath));
  return file;
}

/** Bundles a service's workflow code; see {@link bundleWorkflows}. */
export async function bundleWorkflowCode(
  name: ServiceName,
  { failureConverterPath }: DataConverter,
  workflowsPath = services[name].workflowsPath,
): Promise<string> {
  const { code } = await bundle({
    workflowsPath,
    workflowInterceptorModules,
    preloadModules: preloadedModules,
    logger: new DefaultLogger('WARN'),
    ...defined({ failureConverterPath }),
    // A worker reads its whole bundle before it starts: stack traces need the places in the sources, not their text.
    webpackConfigHook: (config) => ({ ...config, devtool: 'inline-nosources-source-map' }),
  });
  return code;
}

/**
 * Returns the file in which `npm run build` has bundled a service's workflow code. Sources have none: they may be newer than
 * any bundle, and an old one must not run in silence.
 */
export function builtBundle(name: ServiceName, converter: DataConverter = {}): string | undefined {
  const bundles = fileURLToPath(new URL('../bundles/', import.meta.url));
  return isCompiled ? bundleIn(bundles, name, converter) : undefined;
}

function bundleIn(directory: string, name: ServiceName, { failureConverterPath }: DataConverter): string {
  const kind = failureConverterPath === undefined ? 'workflows' : 'encrypting-workflows';
  return path.join(directory, `${name}-${kind}.js`);
}
