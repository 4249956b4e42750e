import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { type ServiceName, services } from './services.ts';

/**
 * Bundles a service's workflow code, which takes a few seconds, and returns the file in this directory that it is in.
 *
 * @param converter What its worker gets: where that encrypts, workflows hand over their failures in payloads.
 */
export async function bundleWorkflows(
  name: ServiceName,
  directory: string,
  { failureConverterPath }: DataConverter = {},
): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: services[name].workflowsPath,
    logger: new DefaultLogger('WARN'),
    ...(failureConverterPath === undefined ? {} : { failureConverterPath }),
  });
  const file = path.join(directory, `${name}-workflows.js`);
  await writeFile(file, code);
  return file;
}
