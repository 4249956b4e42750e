import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode as bundle, DefaultLogger } from '@temporalio/worker';
import { isCompiled } from '../platform/compiled.ts';
import { preloadedModules, type ServiceName, services, workflowInterceptorModules } from './services.ts';

/**
 * Bundles a service's workflow code, which takes a few seconds, and returns the file in this directory that it is in.
 *
 * @param converter What its worker gets: where that encrypts, workflows hand over their failures in payloads.
 * @param workflowsPath The module that exports them.
 */
export async function bundleWorkflows(
  name: ServiceName,
  directory: string,
  converter: DataConverter = {},
  workflowsPath: string = services[name].workflowsPath,
): Promise<string> {
  const code = await bundleWorkflowCode(name, converter, workflowsPath);
  const file = bundleIn(directory, name, converter);
  await writeFile(file, code);
  return file;
}

/** Bundles a service's workflow code; see {@link bundleWorkflows}. */
export async function bundleWorkflowCode(
  name: ServiceName,
  { failureConverterPath }: DataConverter,
  workflowsPath: string = services[name].workflowsPath,
): Promise<string> {
  const { code } = await bundle({
    workflowsPath,
    workflowInterceptorModules,
    preloadModules: preloadedModules,
    logger: new DefaultLogger('WARN'),
    ...(failureConverterPath === undefined ? {} : { failureConverterPath }),
    // A worker reads its whole bundle before it starts: stack traces need the places in the sources, not their text.
    webpackConfigHook: (config) => ({ ...config, devtool: 'inline-nosources-source-map' }),
  });
  return code;
}

/**
 * The file in which `npm run build` has bundled a service's workflow code. Sources have none: they may be newer than any
 * bundle, and an old one must not run in silence.
 */
export function builtBundle(name: ServiceName, converter: DataConverter = {}): string | undefined {
  return isCompiled ? bundleIn(BUNDLES, name, converter) : undefined;
}

const BUNDLES = fileURLToPath(new URL('../bundles/', import.meta.url));

function bundleIn(directory: string, name: ServiceName, { failureConverterPath }: DataConverter): string {
  const kind = failureConverterPath === undefined ? 'workflows' : 'encrypting-workflows';
  return path.join(directory, `${name}-${kind}.js`);
}
