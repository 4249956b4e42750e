import type { WorkerDeploymentVersion } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';

/** A version of a service's workers: the deployment's name, and the build's id within it. */
export type DeploymentVersion = WorkerDeploymentVersion;

/**
 * A worker's version in the SDK's words. An order stays with the version that began it (`PINNED`), so that no code
 * replays a history that it doesn't fit; workflows that may outlive every version say otherwise by themselves.
 */
export function versioningOf(
  version: DeploymentVersion | undefined,
): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (version === undefined) return {};
  return {
    workerDeploymentOptions: {
      useWorkerVersioning: true,
      version,
      defaultVersioningBehavior: 'PINNED',
    },
  };
}
