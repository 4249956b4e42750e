import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';

/**
 * Has a workflow end under the version of the code that began it, where its worker has a version at all: without one,
 * Temporal takes no such wish. What is not pinned goes along to each new version, which must be able to replay it.
 */
export function pinned<Input extends unknown[]>(workflow: (...input: Input) => Promise<unknown>): void {
  // A worker that takes part in no versioning has a version as well, but one without a deployment.
  const isVersioned = () => Boolean(workflowInfo().currentDeploymentVersion?.deploymentName);
  setWorkflowOptions(() => (isVersioned() ? { versioningBehavior: 'PINNED' } : {}), workflow);
}
