import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';

/** Has a workflow end under the version that began it, if there is one. Others move on to versions that can replay them. */
export function pinned<Input extends unknown[]>(workflow: (...input: Input) => Promise<unknown>): void {
  // A worker without versioning has a version as well, but one without a deployment.
  const isVersioned = () => Boolean(workflowInfo().currentDeploymentVersion?.deploymentName);
  setWorkflowOptions(() => (isVersioned() ? { versioningBehavior: 'PINNED' } : {}), workflow);
}
