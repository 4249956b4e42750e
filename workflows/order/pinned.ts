import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';

/**
 * Makes a workflow end under the version of the code that began it, if its worker has a version: Temporal refuses the
 * option otherwise. A workflow that is not pinned moves to each new version, which must be able to replay it.
 */
export function pinned<Input extends unknown[]>(workflow: (...input: Input) => Promise<unknown>): void {
  // A worker without versioning has a version as well, but one without a deployment.
  const isVersioned = () => Boolean(workflowInfo().currentDeploymentVersion?.deploymentName);
  setWorkflowOptions(() => (isVersioned() ? { versioningBehavior: 'PINNED' } : {}), workflow);
}
