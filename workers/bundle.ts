import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { type ServiceName, services } from './services.ts';

/** Bundles a service's workflow code, which takes a few seconds, and returns the file in this directory that it is in. */
export async function bundleWorkflows(name: ServiceName, directory: string): Promise<string> {
  const { workflowsPath } = services[name];
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const file = path.join(directory, `${name}-workflows.js`);
  await writeFile(file, code);
  return file;
}
