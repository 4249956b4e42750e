import { Connection, type ConnectionOptions } from '@temporalio/client';
import pRetry from 'p-retry';
import { findTarget, type GlobalOptions, isRefused } from '../../client/cli/shared/target.ts';
import { ConcordError } from '../../domain/errors.ts';
import { clientOptions } from '../../platform/connection/proxy.ts';
import { registerSearchAttributes } from '../../platform/display/register-search-attributes.ts';

export type UserTemporal = NonNullable<Awaited<ReturnType<typeof userTemporal>>>;

/** The server that the user names for a measurement, beyond other commands' default. @throws ConcordError `Unreachable` */
export async function userTemporal(options: GlobalOptions = {}) {
  const profile = options.profile ?? process.env.TEMPORAL_PROFILE;
  if (!options.address && !process.env.TEMPORAL_ADDRESS && !profile) return undefined;
  const { address, connection, source, fix } = await findTarget(options);
  if (await isRefused(address)) throw new ConcordError('Unreachable', { server: 'Temporal', address, fix });
  // A worker needs it to reach the server.
  const environment: Record<string, string> = profile ? { TEMPORAL_PROFILE: profile } : {};
  return { address, connection, source, environment };
}

/** Registers a namespace, and waits until it takes workflows. @returns Deletes it, if that is allowed. */
export async function openNamespace(namespace: string, options: ConnectionOptions) {
  const connection = await Connection.connect(clientOptions(options));
  await connection.workflowService.registerNamespace({
    namespace,
    description: 'a measurement of Concord; may be deleted when that is over',
    workflowExecutionRetentionPeriod: { seconds: 24 * 60 * 60 } as never,
  });
  // The server's parts learn of it one by one, within about ten seconds.
  await pRetry(() => probe(connection, namespace), { retries: 60, factor: 1, minTimeout: 500 });
  // As elsewhere, so that orders cost the same. A server that forbids it runs them without.
  await registerSearchAttributes(connection, namespace).catch(() => {});
  return async () => {
    // If that is forbidden, the histories go after their day.
    await connection.operatorService.deleteNamespace({ namespace }).catch(() => {});
    await connection.close();
  };
}

async function probe({ workflowService }: Connection, namespace: string): Promise<void> {
  const workflowId = 'probe';
  const named = { name: 'probe' };
  const start = { namespace, workflowId, requestId: workflowId, workflowType: named, taskQueue: named };
  await workflowService.startWorkflowExecution(start);
  await workflowService.terminateWorkflowExecution({ namespace, workflowExecution: { workflowId } });
}
