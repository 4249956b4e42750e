import { Connection, type ConnectionOptions } from '@temporalio/client';
import pRetry from 'p-retry';
import { findTarget, type GlobalOptions, isRefused } from '../../client/cli/shared/target.ts';
import { ConcordError } from '../../domain/errors.ts';
import { registerSearchAttributes } from '../../platform/display/register-search-attributes.ts';

/** A Temporal server of the user's. */
export type UserTemporal = NonNullable<Awaited<ReturnType<typeof userTemporal>>>;

/**
 * The server that the user names for a measurement; none where it is only what other commands would use.
 *
 * @throws ConcordError `Unreachable` where nothing answers there.
 */
export async function userTemporal(options: GlobalOptions = {}) {
  const profile = options.profile ?? process.env.TEMPORAL_PROFILE;
  if (!options.address && !process.env.TEMPORAL_ADDRESS && !profile) return undefined;
  const { address, connection, source, fix } = await findTarget(options);
  if (await isRefused(address)) throw new ConcordError('Unreachable', { server: 'Temporal', address, fix });
  // What else a worker needs to reach it.
  const environment: Record<string, string> = profile ? { TEMPORAL_PROFILE: profile } : {};
  return { address, connection, source, environment };
}

const RETENTION = { seconds: 24 * 60 * 60 };

/**
 * Registers a namespace on a server that others use as well, and waits until it takes workflows there.
 *
 * @returns What gives it back, where the server lets us: histories are gone then.
 * @throws Error where the server does not allow it.
 */
export async function openNamespace(
  namespace: string,
  options: ConnectionOptions,
): Promise<() => Promise<void>> {
  const connection = await Connection.connect(options);
  await connection.workflowService.registerNamespace({
    namespace,
    description: 'a measurement of Concord; may be deleted when that is over',
    workflowExecutionRetentionPeriod: RETENTION as never,
  });
  // Its own parts learn of a new namespace one by one, within ten seconds or so.
  await pRetry(() => probe(connection, namespace), { retries: 60, factor: 1, minTimeout: 500 });
  // Orders cost what they cost elsewhere. A server that forbids it runs them without.
  await registerSearchAttributes(connection, namespace).catch(() => {});
  return async () => {
    // Where that is forbidden, the histories go when their day is over.
    await connection.operatorService.deleteNamespace({ namespace }).catch(() => {});
    await connection.close();
  };
}

async function probe({ workflowService }: Connection, namespace: string): Promise<void> {
  const workflowId = 'probe';
  await workflowService.startWorkflowExecution({
    ...{ namespace, workflowId, requestId: workflowId },
    workflowType: { name: 'probe' },
    taskQueue: { name: 'probe' },
  });
  await workflowService.terminateWorkflowExecution({ namespace, workflowExecution: { workflowId } });
}
