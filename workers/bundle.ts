import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode as bundle, DefaultLogger } from '@temporalio/worker';
import { defined } from '../domain/defined.ts';
import { isCompiled } from '../platform/compiled.ts';
import type { Service, ServiceName } from './services.ts';
import { preloadedModules, services, workflowInterceptorModules } from './services.ts';

/** Does as {@link bundleWorkflowCode}, and returns the file in this directory that the code is in. */
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

/** Bundles a service's workflow code, in a few seconds. If its worker encrypts, workflows hand over failures in payloads. */
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

/** What `npm run build` has bundled. For sources nothing: they may be newer, and an old bundle must not run in silence. */
export function builtBundle(service: Service, converter: DataConverter) {
  const name = service.name as ServiceName;
  if (!isCompiled || service !== services[name]) return undefined;
  return { codePath: bundleIn(fileURLToPath(new URL('../bundles/', import.meta.url)), name, converter) };
}

function bundleIn(directory: string, name: ServiceName, { failureConverterPath }: DataConverter): string {
  const kind = failureConverterPath === undefined ? 'workflows' : 'encrypting-workflows';
  return path.join(directory, `${name}-${kind}.js`);
}
