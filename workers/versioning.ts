import type { WorkerDeploymentVersion } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';

/** A version of a service's workers: the deployment's name, and the build's id within it. */
export type DeploymentVersion = WorkerDeploymentVersion;

/**
 * A worker's version in the SDK's words. Workflows that may outlive every version go along to the next one; an order stays
 * with the version that began it (`workflows/order/pinned.ts`), so that no code replays a history that it doesn't fit.
 */
export function versioningOf(
  version: DeploymentVersion | undefined,
): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (version === undefined) return {};
  return {
    workerDeploymentOptions: {
      useWorkerVersioning: true,
      version,
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
  };
}
